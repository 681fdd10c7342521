package store

import (
	"os"
	"path/filepath"
	"testing"
)

func open(t *testing.T) *Store {
	t.Helper()
	s, err := Open(t.Context(), filepath.Join(t.TempDir(), "state.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func TestOpenIsPrivateAndRepeatable(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "with space?#", "state.db")
	for range 2 {
		s, err := Open(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		var mode string
		if err := s.writer.QueryRow(`PRAGMA synchronous`).Scan(&mode); err != nil || mode != "2" {
			t.Errorf("synchronous is %q, %v; want 2 (FULL)", mode, err)
		}
		if err := s.writer.QueryRow(`PRAGMA journal_mode`).Scan(&mode); err != nil || mode != "wal" {
			t.Errorf("journal_mode is %q, %v; want wal", mode, err)
		}
		if _, err := s.read.Exec(`INSERT INTO settings VALUES ('a','b')`); err == nil {
			t.Error("a reader could write")
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("mode %v, %v; want 0600", info.Mode(), err)
		}
	}
}

func TestNewerStateIsRefused(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "state.db")
	s, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.exec(t.Context(), `INSERT INTO migration VALUES ('9999_future.sql')`); err != nil {
		t.Fatal(err)
	}
	_ = s.Close()
	if _, err := Open(t.Context(), path); err == nil {
		t.Fatal("a state with an unknown migration was opened")
	}
}

func TestKV(t *testing.T) {
	t.Parallel()
	s, ctx := open(t), t.Context()
	for _, k := range []string{"a/1", "a/2", "b", "a%"} {
		if err := s.Put(ctx, "p", k, []byte(k)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Put(ctx, "q", "a/3", nil); err != nil {
		t.Fatal(err)
	}
	keys, err := s.Keys(ctx, "p", "a/")
	if err != nil || len(keys) != 2 {
		t.Errorf("keys %v, %v; want the two of p below a/", keys, err)
	}
	if v, ok, err := s.Get(ctx, "p", "b"); err != nil || !ok || string(v) != "b" {
		t.Errorf("got %q %v %v", v, ok, err)
	}
	if _, ok, _ := s.Get(ctx, "q", "b"); ok {
		t.Error("a plugin read another's key")
	}
	if err := s.DeletePlugin(ctx, "p"); err != nil {
		t.Fatal(err)
	}
	if _, ok, _ := s.Get(ctx, "p", "b"); ok {
		t.Error("the key outlived its plugin")
	}
}
