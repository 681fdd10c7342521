package policy

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
)

// ErrMoved says that the policies in force are no longer those that a change
// was made from.
var ErrMoved = errors.New("policy: what is in force changed meanwhile")

// Activate puts the files of a folder in the place of the owner's and in force,
// both or neither: a set that does not load changes nothing. before is the
// revision that the change was made from and after the one that was shown; the
// files must still be those. A crash in between is finished by [Recover] at the
// next start.
func (e *Engine) Activate(ctx context.Context, folder, before, after string) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return errClosed
	}
	if now := e.set.Load().revision; now != before {
		return fmt.Errorf("%w: revision %s, not %s", ErrMoved, now, before)
	}
	dir := e.ownerDir()
	if dir == "" {
		return errors.New("policy: there is no owner's layer to change")
	}
	files, own, problems := e.proposed(folder, dir)
	if len(problems) > 0 {
		return asError(sorted(problems))
	}
	s, problems := compile(files)
	if len(problems) > 0 {
		return asError(sorted(problems))
	}
	if s.revision != after {
		return fmt.Errorf("%w: the proposed files are revision %s, not %s", ErrMoved, s.revision, after)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := commit(dir, own); err != nil {
		return err
	}
	e.use(s)
	e.changed(s.revision, nil)
	return nil
}

func (e *Engine) ownerDir() string {
	for _, l := range e.config.Layers {
		if l.Name == ownerLayer {
			return l.Dir
		}
	}
	return ""
}

// proposed is everything as it would be with the folder's files as the owner's,
// and these alone.
func (e *Engine) proposed(folder, dir string) (all, own []source, problems []Problem) {
	others := slices.DeleteFunc(slices.Clone(e.config.Layers), func(l Layer) bool { return l.Name == ownerLayer })
	all, problems = read(e.config.Base, others)
	if _, err := os.Stat(folder); err != nil {
		return nil, nil, append(problems, Problem{File: folder, Message: err.Error(), Advice: "name a folder of policies"})
	}
	own, more := readLayer(Layer{Name: ownerLayer, Dir: folder})
	for i := range own {
		own[i].path = filepath.Join(dir, filepath.FromSlash(own[i].name))
	}
	return append(all, own...), own, append(problems, more...)
}

// ready is where a complete set of files waits to be put into the owner's
// folder. That it has this name is the commit.
func ready(dir string) string { return filepath.Clean(dir) + ".ready" }

// commit makes the folder hold exactly these files.
func commit(dir string, files []source) error {
	draft := filepath.Clean(dir) + ".draft"
	if err := os.RemoveAll(draft); err != nil {
		return err
	}
	if err := os.MkdirAll(draft, 0o700); err != nil {
		return err
	}
	for _, f := range files {
		if err := writeSynced(filepath.Join(draft, filepath.FromSlash(f.name)), f.text); err != nil {
			return err
		}
	}
	if err := os.Rename(draft, ready(dir)); err != nil {
		return err
	}
	return Recover(dir)
}

// Recover finishes an activation that a crash interrupted. It must be called
// before [Open] reads the owner's folder: half of two sets is neither.
func Recover(dir string) error {
	from := ready(dir)
	if _, err := os.Stat(from); errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	files, problems := readLayer(Layer{Name: ownerLayer, Dir: from})
	if len(problems) > 0 {
		return asError(problems)
	}
	keep := map[string]bool{}
	for _, f := range files {
		keep[f.name] = true
		if err := writeSynced(filepath.Join(dir, filepath.FromSlash(f.name)), f.text); err != nil {
			return err
		}
	}
	there, _ := readLayer(Layer{Name: ownerLayer, Dir: dir})
	for _, f := range there {
		if !keep[f.name] {
			if err := os.Remove(f.path); err != nil {
				return err
			}
		}
	}
	return os.RemoveAll(from)
}

// writeSynced replaces a file in one step.
func writeSynced(name, text string) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return err
	}
	temp := filepath.Join(filepath.Dir(name), "."+filepath.Base(name)+".new")
	f, err := os.OpenFile(temp, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(temp, name)
}

// Save copies the owner's files in force to a folder named by their revision
// below history, once, and returns the revision. Only the newest keep folders
// stay.
func (e *Engine) Save(history string, keep int) (string, error) {
	s := e.set.Load()
	to := filepath.Join(history, s.revision)
	if _, err := os.Stat(to); err == nil {
		return s.revision, nil
	}
	draft := to + ".draft"
	if err := os.MkdirAll(draft, 0o700); err != nil {
		return "", err
	}
	for _, f := range s.own {
		if err := writeSynced(filepath.Join(draft, filepath.FromSlash(path.Clean(f.name))), f.text); err != nil {
			return "", err
		}
	}
	if err := os.Rename(draft, to); err != nil {
		return "", err
	}
	return s.revision, thin(history, keep)
}

// thin removes the oldest folders.
func thin(history string, keep int) error {
	entries, err := os.ReadDir(history)
	if err != nil {
		return err
	}
	at := func(e fs.DirEntry) int64 {
		if info, err := e.Info(); err == nil {
			return info.ModTime().UnixNano()
		}
		return 0
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return cmp.Compare(at(b), at(a)) })
	for _, e := range entries[min(keep, len(entries)):] {
		if err := os.RemoveAll(filepath.Join(history, e.Name())); err != nil {
			return err
		}
	}
	return nil
}
