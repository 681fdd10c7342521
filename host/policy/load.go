package policy

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// What one layer may hold.
const (
	maxFileBytes = 1 << 20
	maxFiles     = 200
)

// Layer is a folder of Rego files, subfolders included, that narrows what the
// base layer admits. Files whose name begins with a dot are left out.
type Layer struct {
	// Name is "owner" or "org"; the packages of its files begin with
	// ambit.owner or ambit.org.
	Name string
	// Dir is the folder. The owner's may be missing at first.
	Dir string
	// Bundle, if set, makes Dir the file of a signed bundle.
	Bundle *Bundle
}

// source is one file of a layer or of the base.
type source struct {
	layer string // "" for the base
	name  string // for people: relative to the folder of the layer
	path  string // where it is, to open it
	text  string
}

// isTest tells whether the file is about rules and holds none itself.
func (s source) isTest() bool {
	return strings.HasSuffix(s.name, "_test.rego") || strings.HasSuffix(s.name, casesSuffix)
}

// module is the name under which OPA knows the file; it is unique.
func (s source) module() string { return s.layer + "/" + s.path }

// readBase reads base/ and lib/ of the built-in policies.
func readBase(fsys fs.FS) ([]source, error) {
	var out []source
	for _, dir := range []string{"base", "lib"} {
		files, problems := readTree(fsys, dir)
		if err := asError(problems); err != nil {
			return nil, err
		}
		out = append(out, files...)
	}
	if len(out) == 0 {
		return nil, errors.New("policy: the base layer is empty; nothing could ever be allowed")
	}
	return out, nil
}

// readLayer reads the files of a layer. A folder that is missing is an empty
// layer if it is the owner's.
func readLayer(l Layer) ([]source, []Problem) {
	if l.Bundle != nil {
		return readBundle(l)
	}
	root, err := os.OpenRoot(l.Dir)
	if errors.Is(err, fs.ErrNotExist) && l.Name == ownerLayer {
		return nil, nil
	}
	if err != nil {
		return nil, []Problem{{File: l.Dir, Message: err.Error(), Advice: "the folder of the layer must exist and be readable"}}
	}
	defer root.Close()
	files, problems := readTree(root.FS(), ".")
	for i := range files {
		files[i].layer = l.Name
		files[i].path = filepath.Join(l.Dir, filepath.FromSlash(files[i].name))
	}
	for i := range problems {
		problems[i].File = filepath.Join(l.Dir, filepath.FromSlash(problems[i].File))
	}
	return files, problems
}

// readTree reads the .rego and .yaml files below dir. Over an [os.Root] a link that leads
// out of the folder can't be opened, which makes it a problem.
func readTree(fsys fs.FS, dir string) ([]source, []Problem) {
	var out []source
	var problems []Problem
	err := fs.WalkDir(fsys, dir, func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && name != dir && strings.HasPrefix(d.Name(), "."):
			return fs.SkipDir
		case d.IsDir() || strings.HasPrefix(d.Name(), ".") || !slices.Contains([]string{".rego", ".yaml"}, path.Ext(name)):
			return nil
		case len(out) >= maxFiles:
			problems = append(problems, Problem{File: name, Message: fmt.Sprintf("more than %d files", maxFiles), Advice: "put rules together, or move files away"})
			return fs.SkipAll
		}
		text, problem := readFile(fsys, name)
		if problem != nil {
			problems = append(problems, *problem)
			return nil
		}
		out = append(out, source{name: name, path: name, text: text})
		return nil
	})
	if err != nil {
		problems = append(problems, Problem{File: dir, Message: err.Error(), Advice: "the folder must be readable"})
	}
	return out, problems
}

func readFile(fsys fs.FS, name string) (string, *Problem) {
	info, err := fs.Stat(fsys, name)
	if err != nil {
		return "", &Problem{File: name, Message: err.Error(), Advice: "a link must stay within the folder; copy the file instead"}
	}
	if !info.Mode().IsRegular() {
		return "", &Problem{File: name, Message: "not a regular file", Advice: "only files and links to files within the folder are read"}
	}
	f, err := fsys.Open(name)
	if err != nil {
		return "", &Problem{File: name, Message: err.Error(), Advice: "the file must be readable"}
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxFileBytes+1))
	if err != nil {
		return "", &Problem{File: name, Message: err.Error(), Advice: "the file must be readable"}
	}
	if len(b) > maxFileBytes {
		return "", &Problem{File: name, Message: fmt.Sprintf("larger than %d bytes", maxFileBytes), Advice: "split it; lists of data don't belong in a policy"}
	}
	return string(b), nil
}

// revision is the first 12 hex digits of the SHA-256 over all names and
// contents.
func revision(files []source) string {
	byName := make(map[string]string, len(files))
	for _, f := range files {
		byName[f.layer+"/"+f.name] = f.text
	}
	h := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		for _, s := range []string{name, byName[name]} {
			_ = binary.Write(h, binary.BigEndian, uint64(len(s))) // a hash never fails
			h.Write([]byte(s))
		}
	}
	return hex.EncodeToString(h.Sum(nil))[:12]
}

// gone finds layers whose folder was in force and is no longer there. An owner
// who wants no rules any more empties the folder; a folder that vanishes as a
// whole (a disk that is not mounted) must not lift what it said.
func gone(before *set, layers []Layer) []Problem {
	var problems []Problem
	for _, l := range layers {
		_, err := os.Stat(l.Dir)
		if errors.Is(err, fs.ErrNotExist) && slices.ContainsFunc(before.files, func(f string) bool { return strings.HasPrefix(f, filepath.Clean(l.Dir)+string(filepath.Separator)) }) {
			problems = append(problems, Problem{File: l.Dir, Message: "the folder is gone", Advice: "bring it back, or leave an empty one to lift its rules"})
		}
	}
	return problems
}
