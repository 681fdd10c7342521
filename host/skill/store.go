package skill

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

// Entry is an added skill. The list of entries is what is trusted; the files are
// held to it each time they are read.
type Entry struct {
	Head
	Digest string    `json:"digest"`
	Source string    `json:"source,omitempty"` // who wrote it; empty: the owner
	Mine   bool      `json:"mine,omitempty"`   // the owner vouches for its text as for their own
	Added  time.Time `json:"added"`
	Files  []File    `json:"files"`
}

// Labels are those of its text.
func (e Entry) Labels() []string {
	if e.Mine {
		return []string{"skill:" + e.Name}
	}
	return []string{"skill:" + e.Name, "untrusted"}
}

// Title names a skill and whose it is.
func (e Entry) Title() string {
	if e.Mine {
		return e.Name + " by the owner"
	}
	return e.Name + " by " + e.Source
}

// Store keeps the skills of one home. It is safe for concurrent use.
type Store struct {
	dir string

	mu   sync.Mutex
	list []Entry // sorted by name
}

const (
	indexFile = "skills.json"
	maxIndex  = 16 << 20
	maxSkills = 100
)

// Open reads what was added to a folder, which is made when it is missing.
func Open(dir string) (*Store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("skills: %w", err)
	}
	s := &Store{dir: dir}
	b, err := os.ReadFile(filepath.Join(dir, indexFile)) //nolint:gosec // the owner's own home
	if errors.Is(err, os.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return nil, fmt.Errorf("skills: %w", err)
	}
	if len(b) > maxIndex {
		return nil, fmt.Errorf("skills: %s has %d bytes, the limit is %d", indexFile, len(b), maxIndex)
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&s.list); err != nil {
		return nil, fmt.Errorf("skills: %s: %w", indexFile, err)
	}
	for _, e := range s.list {
		if err := errors.Join(CheckName(e.Name), checkSource(e.Source, e.Mine)); err != nil {
			return nil, fmt.Errorf("skills: %s: %w", indexFile, err)
		}
	}
	return s, nil
}

// List returns the skills, sorted by name.
func (s *Store) List() []Entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.list)
}

// Find returns one skill.
func (s *Store) Find(name string) (Entry, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.list, func(e Entry) bool { return e.Name == name })
	if i < 0 {
		return Entry{}, false
	}
	return s.list[i], true
}

var sourceForm = regexp.MustCompile(`^[\p{L}\p{N}][\p{L}\p{N} ._/@:-]{0,79}$`)

func checkSource(source string, mine bool) error {
	switch {
	case mine && source != "":
		return invalid("it is the owner's own, or it has a source")
	case !mine && !sourceForm.MatchString(source):
		return invalid("source %.90q: say who wrote it, in up to 80 letters, digits, spaces and ._/@:-", source)
	}
	return nil
}

// Add copies a folder that was read. A skill of that name must not be there.
func (s *Store) Add(f *Folder, source string, mine bool, now time.Time) (Entry, error) {
	if err := checkSource(source, mine); err != nil {
		return Entry{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if slices.ContainsFunc(s.list, func(e Entry) bool { return e.Name == f.Name }) {
		return Entry{}, invalid("there is a skill %s already; remove it first: ambit skill remove %s", f.Name, f.Name)
	}
	if len(s.list) == maxSkills {
		return Entry{}, invalid("there are %d skills, the limit", maxSkills)
	}
	place := filepath.Join(s.dir, f.Name)
	if err := os.RemoveAll(place); err != nil { // of an addition that was cut off
		return Entry{}, fmt.Errorf("skills: %w", err)
	}
	for _, file := range f.Files {
		to := filepath.Join(place, filepath.FromSlash(file.Path))
		if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
			return Entry{}, fmt.Errorf("skills: %w", err)
		}
		if err := os.WriteFile(to, file.data, 0o600); err != nil {
			return Entry{}, fmt.Errorf("skills: %w", err)
		}
	}
	e := Entry{Head: f.Head, Digest: f.Digest, Source: source, Mine: mine, Added: now.UTC(), Files: slices.Clone(f.Files)}
	next := append(slices.Clone(s.list), e)
	slices.SortFunc(next, func(a, b Entry) int { return strings.Compare(a.Name, b.Name) })
	return e, s.keep(next)
}

// Remove forgets a skill and deletes its files.
func (s *Store) Remove(name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	next := slices.DeleteFunc(slices.Clone(s.list), func(e Entry) bool { return e.Name == name })
	if len(next) == len(s.list) {
		return fmt.Errorf("skill %.80q: %w", name, ErrUnknown)
	}
	if err := s.keep(next); err != nil {
		return err
	}
	if err := os.RemoveAll(filepath.Join(s.dir, name)); err != nil {
		return fmt.Errorf("skills: %w", err)
	}
	return nil
}

// keep writes the list; the caller holds mu.
func (s *Store) keep(next []Entry) error {
	b, err := json.MarshalIndent(next, "", "  ")
	if err != nil {
		return fmt.Errorf("skills: %w", err)
	}
	tmp, err := os.CreateTemp(s.dir, indexFile+".*") // 0600
	if err != nil {
		return fmt.Errorf("skills: %w", err)
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.Write(b)
	if err = errors.Join(err, tmp.Sync(), tmp.Close()); err != nil {
		return fmt.Errorf("skills: %w", err)
	}
	if err := os.Rename(tmp.Name(), filepath.Join(s.dir, indexFile)); err != nil {
		return fmt.Errorf("skills: %w", err)
	}
	s.list = next
	return nil
}

// Text returns the body of a skill, or with a path the text of another file of it,
// if it is still what was added.
func (s *Store) Text(name, file string) (Entry, string, error) {
	e, ok := s.Find(name)
	if !ok {
		return Entry{}, "", fmt.Errorf("skill %.80q: %w", name, ErrUnknown)
	}
	main := file == "" || file == Main
	if main {
		file = Main
	}
	i := slices.IndexFunc(e.Files, func(f File) bool { return f.Path == file })
	if i < 0 {
		return e, "", fmt.Errorf("skill %s has no file %.120q: %w", name, file, ErrUnknown)
	}
	data, err := s.pinned(e, e.Files[i])
	if err != nil {
		return e, "", err
	}
	if main {
		_, body, err := Parse(data)
		return e, body, err
	}
	if !utf8.Valid(data) {
		return e, "", invalid("%s of skill %s is no text", file, name)
	}
	return e, string(data), nil
}

// pinned reads a file and holds it to its digest.
func (s *Store) pinned(e Entry, f File) ([]byte, error) {
	changed := func(why any) error {
		return fmt.Errorf("skill %s: %s: %w (%v); remove it, look at it, and add it again", e.Name, f.Path, ErrChanged, why)
	}
	root, err := os.OpenRoot(filepath.Join(s.dir, e.Name))
	if err != nil {
		return nil, changed(err)
	}
	defer root.Close()
	data, err := readFile(root, filepath.FromSlash(f.Path))
	if err != nil {
		return nil, changed(err)
	}
	if sumOf(data) != f.SHA256 {
		return nil, changed("its digest is another")
	}
	return data, nil
}

// Check holds all files of a skill to what was added.
func (s *Store) Check(name string) error {
	e, ok := s.Find(name)
	if !ok {
		return fmt.Errorf("skill %.80q: %w", name, ErrUnknown)
	}
	for _, f := range e.Files {
		if _, err := s.pinned(e, f); err != nil {
			return err
		}
	}
	return nil
}
