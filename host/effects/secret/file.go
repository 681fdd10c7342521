package secret

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"filippo.io/age"
)

// maxFile caps secrets.age: room for a thousand secrets of common size.
const maxFile = 4 << 20

// ageFile keeps all secrets in one file, decrypted for each use and at no
// other time.
type ageFile struct {
	path     string
	identity string
}

func newAgeFile(dir, identity string) *ageFile {
	return &ageFile{path: filepath.Join(dir, "secrets.age"), identity: identity}
}

func (a *ageFile) load(_ context.Context, name string) ([]byte, bool, error) {
	all, err := a.open()
	if err != nil {
		return nil, false, err
	}
	defer wipe(all)
	b, ok := all[name]
	return slices.Clone(b), ok, nil
}

func (a *ageFile) save(_ context.Context, name string, value []byte) error {
	all, err := a.open()
	if err != nil {
		return err
	}
	defer wipe(all)
	all[name] = slices.Clone(value)
	return a.seal(all)
}

func (a *ageFile) remove(_ context.Context, name string) (bool, error) {
	all, err := a.open()
	if err != nil {
		return false, err
	}
	defer wipe(all)
	b, ok := all[name]
	if !ok {
		return false, nil
	}
	clear(b)
	delete(all, name)
	return true, a.seal(all)
}

func (a *ageFile) names(context.Context) ([]string, error) {
	all, err := a.open()
	if err != nil {
		return nil, err
	}
	defer wipe(all)
	return slices.Sorted(maps.Keys(all)), nil
}

// open decrypts the file; one that does not exist holds nothing.
func (a *ageFile) open() (map[string][]byte, error) {
	sealed, err := os.ReadFile(a.path)
	if errors.Is(err, fs.ErrNotExist) {
		return map[string][]byte{}, nil
	}
	if err != nil {
		return nil, err
	}
	if len(sealed) > maxFile {
		return nil, fmt.Errorf("%s has %d bytes, the limit is %d", a.path, len(sealed), maxFile)
	}
	id, err := a.readIdentity()
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s can't be opened: its identity %s is missing; put it back, or name it in %s", a.path, a.identity, EnvIdentity)
	}
	if err != nil {
		return nil, err
	}
	r, err := age.Decrypt(bytes.NewReader(sealed), id)
	if err != nil {
		return nil, fmt.Errorf("%s can't be opened with %s: %w", a.path, a.identity, err)
	}
	plain, err := io.ReadAll(io.LimitReader(r, maxFile))
	defer clear(plain)
	if err != nil {
		return nil, fmt.Errorf("%s is damaged: %w", a.path, err)
	}
	all := map[string][]byte{}
	if json.Unmarshal(plain, &all) != nil { // its error could quote what it read
		return nil, fmt.Errorf("%s is damaged: it holds no map of secrets", a.path)
	}
	return all, nil
}

// seal encrypts in memory and replaces the file: only ciphertext meets the disk.
func (a *ageFile) seal(all map[string][]byte) error {
	id, err := a.readIdentity()
	if errors.Is(err, fs.ErrNotExist) {
		id, err = a.makeIdentity()
	}
	if err != nil {
		return err
	}
	plain, err := json.Marshal(all)
	if err != nil {
		return err
	}
	defer clear(plain)
	var sealed bytes.Buffer
	w, err := age.Encrypt(&sealed, id.Recipient())
	if err != nil {
		return err
	}
	if _, err := w.Write(plain); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	if sealed.Len() > maxFile {
		return fmt.Errorf("the secrets together would have %d bytes, the limit is %d", sealed.Len(), maxFile)
	}
	return writeAtomic(a.path, sealed.Bytes())
}

func (a *ageFile) readIdentity() (*age.X25519Identity, error) {
	info, err := os.Stat(a.identity)
	if err != nil {
		return nil, err
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("identity %s is open to others (mode %04o): chmod 600 %s", a.identity, info.Mode().Perm(), a.identity)
	}
	b, err := os.ReadFile(a.identity)
	if err != nil {
		return nil, err
	}
	defer clear(b)
	for line := range strings.Lines(string(b)) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		id, err := age.ParseX25519Identity(line)
		if err != nil {
			return nil, fmt.Errorf("identity %s: want an AGE-SECRET-KEY-1… line", a.identity)
		}
		return id, nil
	}
	return nil, fmt.Errorf("identity %s holds no key", a.identity)
}

// makeIdentity never replaces a file: an identity lost is all secrets lost.
func (a *ageFile) makeIdentity() (*age.X25519Identity, error) {
	if _, err := os.Lstat(a.path); err == nil {
		return nil, fmt.Errorf("%s exists, but its identity %s does not: put the identity back", a.path, a.identity)
	}
	id, err := age.GenerateX25519Identity()
	if err != nil {
		return nil, err
	}
	f, err := os.OpenFile(a.identity, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, fmt.Errorf("identity: %w", err)
	}
	_, err = fmt.Fprintf(f, "# Opens secrets.age. Keep a copy in a safe place.\n# public key: %s\n%s\n", id.Recipient(), id)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return nil, errors.Join(fmt.Errorf("identity: %w", err), os.Remove(a.identity))
	}
	return id, syncDir(filepath.Dir(a.identity))
}

// writeAtomic replaces a file: after a crash it is the old or the new one.
func writeAtomic(path string, b []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*") // mode 0600
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return syncDir(filepath.Dir(path))
}

func syncDir(dir string) error {
	if runtime.GOOS == "windows" { // a folder can't be synced there
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func wipe(all map[string][]byte) {
	for _, b := range all {
		clear(b)
	}
}
