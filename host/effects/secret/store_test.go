package secret

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/zalando/go-keyring"

	"github.com/ambithost/ambit/sdk/protocol"
)

const plain = "sk-correct-horse/battery+staple"

func open(t *testing.T, cfg Config) *Store {
	t.Helper()
	if cfg.Identity == "" {
		cfg.Identity = filepath.Join(cfg.Dir, "identity.age")
	}
	s, err := Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestFileKeepsSecretsAcrossRestarts(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, Config{Dir: dir})
	if err := s.Set(t.Context(), "OPENAI_KEY", []byte(plain)); err != nil {
		t.Fatal(err)
	}
	if err := s.Set(t.Context(), "B", []byte("another-secret")); err != nil {
		t.Fatal(err)
	}
	s = open(t, Config{Dir: dir})
	v, err := s.Get(t.Context(), "OPENAI_KEY")
	if err != nil || string(v.Reveal()) != plain {
		t.Fatalf("got %q, %v", v.Reveal(), err)
	}
	if names, _ := s.List(t.Context()); !slices.Equal(names, []string{"B", "OPENAI_KEY"}) {
		t.Fatalf("names %v", names)
	}
	if err := s.Remove(t.Context(), "OPENAI_KEY"); err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{s.Remove(t.Context(), "OPENAI_KEY"), second(s.Get(t.Context(), "OPENAI_KEY"))} {
		if protocol.CodeOf(err) != protocol.NotFound {
			t.Fatalf("want not_found, got %v", err)
		}
	}
}

func second(_ Value, err error) error { return err }

func TestNothingPlainOnDisk(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, Config{Dir: dir})
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			if err := s.Set(t.Context(), fmt.Sprintf("KEY_%d", i), []byte(plain)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	forms := []string{plain, base64.StdEncoding.EncodeToString([]byte(plain)), hex.EncodeToString([]byte(plain)), "KEY_1"}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		for _, form := range forms {
			if bytes.Contains(b, []byte(form)) {
				t.Errorf("%s holds %q", path, form)
			}
		}
		if info, _ := d.Info(); runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		if strings.HasPrefix(d.Name(), ".") {
			t.Errorf("%s was left behind", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestValueNeverPrints(t *testing.T) {
	t.Parallel()
	v, err := NewValue([]byte(plain))
	if err != nil {
		t.Fatal(err)
	}
	js, _ := json.Marshal(map[string]any{"v": v, "p": &v, "in": struct{ V Value }{v}})
	text := string(js) + fmt.Sprint(v, &v, []Value{v}, struct{ V Value }{v}, map[string]Value{"x": v}, errors.New(v.String()))
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%c"} {
		text += fmt.Sprintf(verb, v) + fmt.Sprintf(verb, struct{ V Value }{v}) + fmt.Sprintf(verb, &v)
	}
	if strings.Contains(text, "horse") || strings.Contains(text, hex.EncodeToString([]byte(plain))) || strings.Contains(text, "115 107 45") {
		t.Fatal(text)
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	s := open(t, Config{Dir: t.TempDir()})
	for _, tc := range []struct {
		name, value string
		code        protocol.Code
	}{
		{"lower", plain, protocol.Invalid}, {"", plain, protocol.Invalid}, {"A/../B", plain, protocol.Invalid},
		{"A" + strings.Repeat("B", 64), plain, protocol.Invalid}, {"A\n", plain, protocol.Invalid}, {"1A", plain, protocol.Invalid},
		{"SHORT", "1234567", protocol.Invalid}, {"BLANK", "   1234567   ", protocol.Invalid},
		{"LONG", strings.Repeat("x", MaxBytes+1), protocol.Limit},
	} {
		err := s.Set(t.Context(), tc.name, []byte(tc.value))
		if protocol.CodeOf(err) != tc.code {
			t.Errorf("%q: %v", tc.name, err)
		}
		if err != nil && strings.Contains(err.Error(), "1234567") {
			t.Errorf("the error quotes the value: %v", err)
		}
	}
}

func TestIdentityElsewhere(t *testing.T) {
	t.Parallel()
	dir, keys := t.TempDir(), t.TempDir()
	id := filepath.Join(keys, "ambit.age")
	s := open(t, Config{Dir: dir, Identity: id})
	if err := s.Set(t.Context(), "A", []byte(plain)); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "identity.age")); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("an identity beside the secrets: %v", err)
	}
	moved := filepath.Join(keys, "moved")
	if err := os.Rename(id, moved); err != nil {
		t.Fatal(err)
	}
	// Without its identity nothing opens, and nothing is overwritten.
	if _, err := s.Get(t.Context(), "A"); err == nil || !strings.Contains(err.Error(), "missing") {
		t.Fatalf("got %v", err)
	}
	if err := s.Set(t.Context(), "B", []byte(plain)); err == nil {
		t.Fatal("a set without the identity replaced the secrets")
	}
	s = open(t, Config{Dir: dir, Identity: moved})
	if v, err := s.Get(t.Context(), "A"); err != nil || string(v.Reveal()) != plain {
		t.Fatalf("got %v", err)
	}
	if runtime.GOOS == "windows" {
		return
	}
	if err := os.Chmod(moved, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Get(t.Context(), "A"); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Fatalf("an identity open to others: %v", err)
	}
}

func TestIdentityFromEnvironment(t *testing.T) {
	id := filepath.Join(t.TempDir(), "id")
	t.Setenv(EnvIdentity, id)
	s, err := Open(t.Context(), Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Set(t.Context(), "A", []byte(plain)); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(id); err != nil {
		t.Fatal(err)
	}
}

func TestDamage(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, Config{Dir: dir})
	if err := s.Set(t.Context(), "A", []byte(plain)); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "secrets.age")
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for name, bad := range map[string][]byte{
		"empty": {}, "cut": good[:len(good)-5], "flipped": append(slices.Clone(good[:len(good)-1]), good[len(good)-1]^1), "text": []byte("hello"),
	} {
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Get(t.Context(), "A"); err == nil {
			t.Errorf("%s: opened", name)
		}
		if err := s.Set(t.Context(), "B", []byte(plain)); err == nil {
			t.Errorf("%s: overwritten", name)
		}
	}
}

// The keyring client's own in-memory provider stands in for a desktop's: the
// choice of backend and the index are what is tested.
func TestKeyring(t *testing.T) {
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent")
	keyring.MockInit()
	dir := t.TempDir()
	s := open(t, Config{Dir: dir, Keyring: true})
	if s.Backend() != kindKeyring {
		t.Fatalf("backend %s", s.Backend())
	}
	for _, name := range []string{"B", "A", "B"} {
		if err := s.Set(t.Context(), name, []byte(plain)); err != nil {
			t.Fatal(err)
		}
	}
	if names, _ := s.List(t.Context()); !slices.Equal(names, []string{"A", "B"}) {
		t.Fatalf("names %v", names)
	}
	if v, err := s.Get(t.Context(), "A"); err != nil || string(v.Reveal()) != plain {
		t.Fatal(err)
	}
	if err := s.Remove(t.Context(), "A"); err != nil {
		t.Fatal(err)
	}
	if err := second(s.Get(t.Context(), "A")); protocol.CodeOf(err) != protocol.NotFound {
		t.Fatalf("got %v", err)
	}
	other := open(t, Config{Dir: t.TempDir(), Keyring: true})
	if names, _ := other.List(t.Context()); len(names) != 0 {
		t.Fatalf("another home sees %v", names)
	}

	keyring.MockInitWithError(errors.New("locked"))
	locked := open(t, Config{Dir: dir, Keyring: true})
	if err := second(locked.Get(t.Context(), "B")); protocol.CodeOf(err) != protocol.Unavailable {
		t.Fatalf("a locked keyring that holds the secrets: %v", err)
	}
	if err := locked.Set(t.Context(), "C", []byte(plain)); protocol.CodeOf(err) != protocol.Unavailable {
		t.Fatalf("a locked keyring took a secret: %v", err)
	}
	if s := open(t, Config{Dir: t.TempDir(), Keyring: true}); s.Backend() != kindFile {
		t.Fatalf("no working keyring: backend %s", s.Backend())
	}
}

func TestNoSessionBusMeansFile(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("keyrings need D-Bus on Linux only")
	}
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", "")
	t.Setenv("XDG_RUNTIME_DIR", t.TempDir())
	if sessionBus() == nil {
		t.Skip("this user has a session bus")
	}
	if s := open(t, Config{Dir: t.TempDir(), Keyring: true}); s.Backend() != kindFile {
		t.Fatalf("backend %s", s.Backend())
	}
}
