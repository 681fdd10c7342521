package audit

import "path/filepath"

// paths are the places in a log's folder.
type paths struct{ dir string }

func (p paths) lock() string       { return filepath.Join(p.dir, "lock") }
func (p paths) key() string        { return filepath.Join(p.dir, "key") }
func (p paths) journal() string    { return filepath.Join(p.dir, "journal") }
func (p paths) open() string       { return filepath.Join(p.dir, "open") }
func (p paths) tmp() string        { return filepath.Join(p.dir, "tmp") }
func (p paths) public() string     { return filepath.Join(p.dir, "public") }
func (p paths) verifier() string   { return filepath.Join(p.public(), "verifier") }
func (p paths) checkpoint() string { return filepath.Join(p.public(), "checkpoint") }

// PublicDir is the folder below a log's folder that may be copied, served and
// read by others: checkpoint, verifier key and tiles. Nothing beside it may.
func PublicDir(dir string) string { return paths{dir}.public() }
