// Package store keeps Ambit's state in one SQLite file. It is the only
// importer of SQLite and implements the store interfaces that gate, agent and
// effects declare.
//
// Guarantees: the file is opened by one process (the host holds the home's
// lock); there is one writer; a write that returned nil is on disk (WAL,
// synchronous FULL); readers never wait for the writer. Start at [Open].
package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"

	_ "modernc.org/sqlite" // the "sqlite" driver
)

//go:embed migrations/*.sql
var migrations embed.FS

// Store is the open state.
type Store struct {
	writer *sql.DB // one connection: the one writer
	read   *sql.DB // query_only
}

// Open opens or creates the database at path and brings its schema up to
// date. A database from a newer Ambit is refused.
func Open(ctx context.Context, path string) (*Store, error) {
	if err := private(path); err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	s := new(Store)
	var err error
	if s.writer, err = connect(path, 1, "_txlock=immediate"); err != nil {
		return nil, fmt.Errorf("store: %s: %w", path, err)
	}
	if s.read, err = connect(path, 4, "_pragma=query_only(1)"); err != nil {
		return nil, errors.Join(fmt.Errorf("store: %s: %w", path, err), s.Close())
	}
	if err := s.migrate(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("store: %s: %w", path, err), s.Close())
	}
	return s, nil
}

// private makes sure that the file is the owner's alone before SQLite, which
// would create it by the umask, touches it; its WAL inherits the mode.
func private(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600) //nolint:gosec // the owner's own home
	if err != nil {
		return err
	}
	return errors.Join(f.Chmod(0o600), f.Close())
}

func connect(path string, conns int, extra string) (*sql.DB, error) {
	dsn := (&url.URL{Scheme: "file", OmitHost: true, Path: filepath.ToSlash(path)}).String() +
		"?_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=foreign_keys(1)&_pragma=secure_delete(1)&" + extra
	db, err := sql.Open("sqlite", dsn)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(conns)
	db.SetMaxIdleConns(conns)
	return db, db.Ping()
}

// Close flushes and closes. It may be called more than once.
func (s *Store) Close() error {
	var errs []error
	for _, db := range []*sql.DB{s.read, s.writer} {
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	return errors.Join(errs...)
}

// write runs fn in a transaction of the one writer. It returns nil only when
// the transaction is on disk.
func (s *Store) write(ctx context.Context, fn func(*sql.Tx) error) error {
	tx, err := s.writer.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("store: begin: %w", err)
	}
	if err := fn(tx); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("store: commit: %w", err)
	}
	return nil
}

// exec is write for a single statement.
func (s *Store) exec(ctx context.Context, query string, args ...any) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, query, args...)
		return err
	})
}

// migrate applies the files of migrations in name order, each once, and
// remembers them by name.
func (s *Store) migrate(ctx context.Context) error {
	if _, err := s.writer.ExecContext(ctx, `CREATE TABLE IF NOT EXISTS migration (name TEXT PRIMARY KEY) STRICT`); err != nil {
		return err
	}
	done, err := s.migrated(ctx)
	if err != nil {
		return err
	}
	files, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil {
		return err
	}
	known := map[string]bool{}
	for _, f := range files {
		known[filepath.Base(f)] = true
	}
	for name := range done {
		if !known[name] {
			return fmt.Errorf("the state was written by a newer Ambit (it has %s): update ambit, or use another AMBIT_HOME", name)
		}
	}
	for _, f := range files {
		name := filepath.Base(f)
		if done[name] {
			continue
		}
		if err := s.apply(ctx, f, name); err != nil {
			return fmt.Errorf("migration %s: %w", name, err)
		}
	}
	return nil
}

func (s *Store) migrated(ctx context.Context) (map[string]bool, error) {
	rows, err := s.writer.QueryContext(ctx, `SELECT name FROM migration`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	done := map[string]bool{}
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, err
		}
		done[name] = true
	}
	return done, rows.Err()
}

func (s *Store) apply(ctx context.Context, file, name string) error {
	script, err := migrations.ReadFile(file)
	if err != nil {
		return err
	}
	return s.write(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, string(script)); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO migration (name) VALUES (?)`, name)
		return err
	})
}
