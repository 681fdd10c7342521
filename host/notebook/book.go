package notebook

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/ambithost/ambit/host/plainfile"
	"github.com/ambithost/ambit/sdk/protocol"
)

// maxFiles bounds how many entries of a folder are looked at.
const maxFiles = 10_000

// maxSources of one note are kept, the newest.
const maxSources = 20

// book is the folder of one agent while it is used.
type book struct {
	k       *Keeper
	agent   string
	root    *os.Root
	notes   map[string]Record
	skipped []string
}

// open reads what is in the folder and brings the index up to date. The first
// time after a start every file is read, as its time may have been set back.
func (k *Keeper) open(ctx context.Context, agent string) (*book, error) {
	dir, err := k.cfg.Folder(agent)
	if err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("notebook: %w", err)
	}
	b := &book{k: k, agent: agent, root: root, notes: map[string]Record{}}
	if err := b.update(ctx, !k.checked[agent]); err != nil {
		return nil, errors.Join(fmt.Errorf("notebook: %w", err), root.Close())
	}
	k.checked[agent] = true
	return b, nil
}

// update compares the folder with what is known.
func (b *book) update(ctx context.Context, whole bool) error {
	known, err := b.k.cfg.Index.Notes(ctx, b.agent)
	if err != nil {
		return err
	}
	files, err := b.files()
	if err != nil {
		return err
	}
	gone := map[string][]string{} // labels by digest: a note that was renamed keeps them
	for _, r := range known {
		gone[r.Digest] = union(gone[r.Digest], r.Labels)
	}
	for _, r := range known {
		info, there := files[r.Name]
		if !there {
			if err := b.k.cfg.Index.DropNote(ctx, b.agent, r.Name); err != nil {
				return err
			}
			continue
		}
		delete(files, r.Name)
		if !whole && r.Digest != "" && info.Size() == r.Size && info.ModTime().UnixMicro() == r.Changed.UnixMicro() {
			b.notes[r.Name] = r
			continue
		}
		if err := b.reread(ctx, r, nil); err != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if len(b.notes) >= b.k.cfg.Limits.Notes {
			b.skipped = append(b.skipped, fmt.Sprintf("%q: there are %d notes, the limit", name+suffix, len(b.notes)))
			continue
		}
		if err := b.reread(ctx, Record{Agent: b.agent, Name: name, Created: b.k.cfg.Now()}, gone); err != nil {
			return err
		}
	}
	return nil
}

// reread takes a file in that was changed by hand. The owner's change of a note
// takes no label away: one word may be new and the rest a stranger's.
func (b *book) reread(ctx context.Context, r Record, inherit map[string][]string) error {
	text, info, err := b.load(r.Name)
	if errors.Is(err, fs.ErrNotExist) { // just now
		return b.k.cfg.Index.DropNote(ctx, b.agent, r.Name)
	}
	if err != nil { // its labels wait until it can be read again
		b.skipped = append(b.skipped, fmt.Sprintf("%q: %v", r.Name+suffix, err))
		r.Digest = ""
		return b.k.cfg.Index.PutNote(ctx, r, new(string))
	}
	digest := digestOf(text)
	if digest != r.Digest {
		r.By, r.Labels = "owner", union(r.Labels, inherit[digest])
	}
	r.Digest, r.Size, r.Changed = digest, info.Size(), info.ModTime().Truncate(time.Microsecond)
	b.notes[r.Name] = r
	return b.k.cfg.Index.PutNote(ctx, r, &text)
}

// files lists the folder's notes. What an interrupted write left is cleared
// away: nobody else writes now.
func (b *book) files() (map[string]fs.FileInfo, error) {
	dir, err := b.root.Open(".")
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	entries, err := dir.ReadDir(maxFiles)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	files := map[string]fs.FileInfo{}
	for _, e := range entries {
		name, note := strings.CutSuffix(e.Name(), suffix)
		info, err := e.Info()
		switch {
		case err != nil: // gone meanwhile
		case strings.HasPrefix(e.Name(), tempPrefix) && info.Mode().IsRegular():
			if err := b.root.Remove(e.Name()); err != nil {
				return nil, err
			}
		case strings.HasPrefix(e.Name(), "."), !note: // an editor's own files, and other things
		case !info.Mode().IsRegular():
			b.skipped = append(b.skipped, fmt.Sprintf("%q: it is no plain file", e.Name()))
		case CheckName(name) != nil:
			b.skipped = append(b.skipped, fmt.Sprintf("%q: it has no note's name", e.Name()))
		default:
			files[name] = info
		}
	}
	return files, nil
}

// load reads one file, and no link.
func (b *book) load(name string) (string, fs.FileInfo, error) {
	data, info, err := plainfile.Read(b.root, name+suffix, b.k.cfg.Limits.NoteBytes)
	if err != nil {
		return "", nil, err
	}
	return strings.ToValidUTF8(string(data), "\uFFFD"), info, nil
}

func (b *book) list() []Record {
	return slices.SortedFunc(maps.Values(b.notes), func(x, y Record) int { return strings.Compare(x.Name, y.Name) })
}

func (b *book) read(name string) (Note, error) {
	if err := CheckName(name); err != nil {
		return Note{}, err
	}
	r, known := b.notes[name]
	if !known {
		return Note{}, protocol.Errorf(protocol.NotFound, "there is no note %q", name)
	}
	text, _, err := b.load(name)
	return Note{Record: r, Text: text}, err
}

// write puts a note in place: labels first, then the text, then its labels alone.
func (b *book) write(ctx context.Context, e Entry) (Record, error) {
	if err := CheckName(e.Name); err != nil {
		return Record{}, err
	}
	old, existed := b.notes[e.Name]
	if e.Was != nil && *e.Was != old.Digest {
		return Record{}, ErrChanged
	}
	r := old
	if !existed {
		if _, err := b.root.Lstat(e.Name + suffix); err == nil {
			return r, protocol.Errorf(protocol.Invalid, "there is a file %s that is no note (ambit memory list says why): take another name", e.Name+suffix)
		}
		r = Record{Agent: b.agent, Name: e.Name, Created: b.k.cfg.Now()}
	}
	text := strings.TrimRight(e.Text, "\n") + "\n"
	if e.Append && existed {
		before, _, err := b.load(e.Name)
		if err != nil {
			return r, err
		}
		text = strings.TrimRight(before, "\n") + "\n" + text
	}
	if err := b.fits(e.Name, int64(len(text))); err != nil {
		return r, err
	}
	keeps := e.Append || e.Keep
	fresh := union(e.Labels, nil)
	r.Labels = union(old.Labels, fresh)
	if err := b.k.cfg.Index.PutNote(ctx, r, nil); err != nil {
		return r, err
	}
	info, err := b.replace(e.Name, text)
	if err != nil {
		return r, err
	}
	if !keeps {
		r.Labels, r.Sources = fresh, nil
	}
	if e.Source != nil {
		r.Sources = append(slices.Clone(r.Sources), *e.Source)
		r.Sources = r.Sources[max(0, len(r.Sources)-maxSources):]
	}
	r.By, r.Digest, r.Size, r.Changed = e.By, digestOf(text), info.Size(), info.ModTime().Truncate(time.Microsecond)
	b.notes[e.Name] = r
	return r, b.k.cfg.Index.PutNote(ctx, r, &text)
}

// fits holds a note of a size to the limits.
func (b *book) fits(name string, size int64) error {
	l := b.k.cfg.Limits
	if size > l.NoteBytes {
		return protocol.Errorf(protocol.Limit, "note %q would have %d bytes, the limit is %d: make it shorter, or begin another", name, size, l.NoteBytes)
	}
	total := size
	for _, r := range b.notes {
		if r.Name != name {
			total += r.Size
		}
	}
	if _, existed := b.notes[name]; !existed && len(b.notes) >= l.Notes {
		return protocol.Errorf(protocol.Limit, "an agent may keep %d notes: forget some first", l.Notes)
	}
	if total > l.Bytes {
		return protocol.Errorf(protocol.Limit, "the notes of agent %s would have %d bytes in all, the limit is %d: forget some first", b.agent, total, l.Bytes)
	}
	return nil
}

// replace writes a file beside the note and renames it into place.
func (b *book) replace(name, text string) (fs.FileInfo, error) {
	temp := tempPrefix + rand.Text()
	f, err := b.root.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	_, err = io.WriteString(f, text)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = b.root.Rename(temp, name+suffix)
	}
	if err != nil {
		return nil, errors.Join(err, b.root.Remove(temp))
	}
	return b.root.Lstat(name + suffix)
}

// forget deletes the file first: a record without a file is dropped by the next
// look, a file without its record would come back without its labels.
func (b *book) forget(ctx context.Context, name string) error {
	if err := b.root.Remove(name + suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	delete(b.notes, name)
	return b.k.cfg.Index.DropNote(ctx, b.agent, name)
}

func digestOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}
