// Package skill keeps skills: folders with a SKILL.md in the AgentSkills format
// (https://agentskills.io/specification), that tell an agent how to do something.
// Start at [Open].
//
// Guarantees: what is added is a copy that passed [Read], with every file pinned by
// its digest; a file that was changed since is not given to anybody and is reported
// by [Store.Check]. A folder is read without following links, and its size, number
// of files and names are bounded. Nothing in a skill is ever run, and what it says
// of itself (allowed-tools among it) grants nothing.
package skill

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/ambithost/ambit/host/plainfile"
)

// Bounds of one skill.
const (
	MaxFiles = 200
	MaxFile  = 1 << 20 // bytes
	MaxTotal = 4 << 20 // bytes
	MaxMain  = 128 << 10
	maxDepth = 8
	maxName  = 64
	maxDesc  = 1024 // characters
)

// Main is the file that makes a folder a skill.
const Main = "SKILL.md"

// Errors of [Read] and [Store].
var (
	// ErrInvalid says that a folder is no skill that is accepted.
	ErrInvalid = errors.New("not an acceptable skill")
	// ErrUnknown says that there is no such skill, or no such file of it.
	ErrUnknown = errors.New("unknown")
	// ErrChanged says that what is on disk is not what was added.
	ErrChanged = errors.New("changed since it was added")
)

func invalid(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrInvalid, fmt.Sprintf(format, args...))
}

// Folder is a skill that was read and checked.
type Folder struct {
	Head
	Digest string // "sha256:…" of all files and their names
	Files  []File // sorted by path
}

// File is one file of a skill.
type File struct {
	Path   string `json:"path"` // slash-separated, below the skill's folder
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
	data   []byte
}

var (
	nameForm = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)
	partForm = regexp.MustCompile(`^[\p{L}\p{N}_][\p{L}\p{N}_. +-]*$`)
)

// CheckName says whether a name is one that a skill can have.
func CheckName(name string) error {
	if len(name) > maxName || !nameForm.MatchString(name) {
		return invalid("name %.80q: want up to %d lower-case letters, digits and single dashes between them", name, maxName)
	}
	return nil
}

// Read reads a folder and checks it. Files whose names begin with a dot are left
// out; links, devices and odd names are refused.
func Read(dir string) (*Folder, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	info, err := os.Lstat(abs)
	if err != nil {
		return nil, fmt.Errorf("skill: %w", err)
	}
	if !info.IsDir() {
		return nil, invalid("%s is no folder", filepath.Base(abs))
	}
	root, err := os.OpenRoot(abs)
	if err != nil {
		return nil, fmt.Errorf("skill: %w", err)
	}
	defer root.Close()
	f := &Folder{}
	if err := f.walk(root, ".", 0); err != nil {
		return nil, err
	}
	i := slices.IndexFunc(f.Files, func(x File) bool { return x.Path == Main })
	if i < 0 {
		return nil, invalid("%s has no %s", filepath.Base(abs), Main)
	}
	if f.Files[i].Size > MaxMain {
		return nil, invalid("%s has %d bytes, the limit is %d", Main, f.Files[i].Size, MaxMain)
	}
	if f.Head, _, err = Parse(f.Files[i].data); err != nil {
		return nil, err
	}
	if f.Name != filepath.Base(abs) {
		return nil, invalid("it is called %q and its folder %.80q; they must be the same", f.Name, filepath.Base(abs))
	}
	f.Digest = digestOf(f.Files)
	return f, nil
}

func (f *Folder) walk(root *os.Root, dir string, depth int) error {
	if depth > maxDepth {
		return invalid("folders are more than %d deep", maxDepth)
	}
	d, err := root.Open(dir)
	if err != nil {
		return fmt.Errorf("skill: %w", err)
	}
	entries, err := d.ReadDir(10 * MaxFiles)
	if closeErr := d.Close(); err == nil || errors.Is(err, io.EOF) {
		err = closeErr
	}
	if err != nil {
		return fmt.Errorf("skill: %w", err)
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	for _, e := range entries {
		name := path.Join(dir, e.Name())
		switch {
		case strings.HasPrefix(e.Name(), "."):
			continue
		case !partForm.MatchString(e.Name()) || len(name) > 200:
			return invalid("the name %.80q: want letters, digits, spaces, dots, dashes, pluses and underscores", name)
		case e.IsDir():
			if err := f.walk(root, name, depth+1); err != nil {
				return err
			}
		case !e.Type().IsRegular():
			return invalid("%s is a link or a device", name)
		default:
			if err := f.take(root, name); err != nil {
				return err
			}
		}
	}
	return nil
}

func (f *Folder) take(root *os.Root, name string) error {
	if len(f.Files) == MaxFiles {
		return invalid("more than %d files", MaxFiles)
	}
	data, err := readFile(root, name)
	if err != nil {
		return err
	}
	total := int64(len(data))
	for _, other := range f.Files {
		total += other.Size
	}
	if total > MaxTotal {
		return invalid("more than %d bytes in all", MaxTotal)
	}
	f.Files = append(f.Files, File{Path: name, Size: int64(len(data)), SHA256: sumOf(data), data: data})
	return nil
}

// readFile reads a file of a skill.
func readFile(root *os.Root, name string) ([]byte, error) {
	data, _, err := plainfile.Read(root, name, MaxFile)
	if errors.Is(err, plainfile.ErrNotPlain) || errors.Is(err, plainfile.ErrTooLarge) {
		return nil, invalid("%s: %v", name, err)
	}
	if err != nil {
		return nil, fmt.Errorf("skill: %w", err)
	}
	return data, nil
}

func sumOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

func digestOf(files []File) string {
	h := sha256.New()
	for _, f := range files {
		fmt.Fprintf(h, "%d:%s%s", len(f.Path), f.Path, f.SHA256)
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil))
}

// plain says whether a text is free of what a terminal or a reader could be misled
// by: control characters, and those that hide or reorder others.
func plain(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool {
		return unicode.IsControl(r) && r != '\n' && r != '\t' || unicode.Is(unicode.Cf, r) || r == '\u2028' || r == '\u2029'
	})
}
