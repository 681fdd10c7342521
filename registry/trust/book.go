package trust

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/ambithost/ambit/registry/durable"
)

// Publisher is a namespace and the key that its plugins have to be signed with.
type Publisher struct {
	Namespace string    `json:"namespace"` // "host[:port]/path"
	KeyID     string    `json:"key"`
	FirstSeen time.Time `json:"first_seen"` // of the namespace, not of the key
	// Earlier are the keys that handed over, the oldest first.
	Earlier []string `json:"earlier,omitempty"`
}

// Standing is how a signature's key stands to what is remembered.
type Standing string

const (
	// New is for a publisher of whom nothing is remembered.
	New Standing = "new"
	// Known is the key that is remembered.
	Known Standing = "known"
	// Rotated is a key that the remembered one handed over to.
	Rotated Standing = "rotated"
)

// ErrOtherKey is a signature by a key that is not the publisher's.
var ErrOtherKey = errors.New("trust: signed by another key than this publisher's")

// ErrStripped is an artifact without a signature of a publisher who signs.
var ErrStripped = errors.New("trust: not signed, and this publisher signs")

// Book remembers the key of each publisher at first use. It is a file that is
// read once; one that can't be read opens nothing.
type Book struct {
	path string

	mu   sync.Mutex
	list map[string]Publisher
}

type bookFile struct {
	Format     int         `json:"publishers_format"`
	Publishers []Publisher `json:"publishers"`
}

const maxBook = 16 << 20

// OpenBook reads the file; a missing one is an empty book.
func OpenBook(path string) (*Book, error) {
	b := &Book{path: path, list: map[string]Publisher{}}
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return b, nil
	}
	if err == nil && (!info.Mode().IsRegular() || info.Size() > maxBook) {
		err = fmt.Errorf("%s is no file of at most %d bytes", path, maxBook)
	}
	if err != nil {
		return nil, fmt.Errorf("trust: %w", err)
	}
	text, err := os.ReadFile(path) //nolint:gosec // the owner's own home
	if err != nil {
		return nil, fmt.Errorf("trust: %w", err)
	}
	var f bookFile
	if err := DecodeStrict(text, &f); err != nil {
		return nil, fmt.Errorf("trust: %s, which says whose keys are known, is damaged: %w", path, err)
	}
	if f.Format != 1 {
		return nil, fmt.Errorf("trust: %s has the format %d; want 1 (it may be a newer Ambit's)", path, f.Format)
	}
	for _, p := range f.Publishers {
		if _, twice := b.list[p.Namespace]; twice || p.Namespace == "" || !IsKeyID(p.KeyID) {
			return nil, fmt.Errorf("trust: %s, which says whose keys are known, is damaged at %.80q", path, p.Namespace)
		}
		b.list[p.Namespace] = p
	}
	return b, nil
}

// Lookup finds what is remembered of a namespace.
func (b *Book) Lookup(namespace string) (Publisher, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	p, ok := b.list[namespace]
	return p, ok
}

// List is all that is remembered, by namespace.
func (b *Book) List() []Publisher {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.sorted()
}

func (b *Book) sorted() []Publisher {
	return slices.SortedFunc(maps.Values(b.list), func(a, c Publisher) int { return strings.Compare(a.Namespace, c.Namespace) })
}

// Judge says how a signature stands; v is nil for an artifact without one. It
// fails with [ErrOtherKey] or [ErrStripped], and remembers nothing.
func (b *Book) Judge(namespace string, v *Verified) (Standing, error) {
	p, known := b.Lookup(namespace)
	switch {
	case !known:
		return New, nil
	case v == nil:
		return "", fmt.Errorf("%w: %s signs with %s since %s", ErrStripped, namespace, p.KeyID, p.FirstSeen.Format(time.DateOnly))
	case v.KeyID == p.KeyID:
		return Known, nil
	case v.Succeeds(p.KeyID):
		return Rotated, nil
	}
	return "", fmt.Errorf("%w: %s is known since %s by %s; this is signed by %s, and no hand-over from the one to the other comes with it",
		ErrOtherKey, namespace, p.FirstSeen.Format(time.DateOnly), p.KeyID, v.KeyID)
}

// Remember judges once more and writes down what is new.
func (b *Book) Remember(namespace string, v *Verified, now time.Time) error {
	standing, err := b.Judge(namespace, v)
	if err != nil || standing == Known || v == nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	p, known := b.list[namespace]
	if known && !v.Succeeds(p.KeyID) {
		return fmt.Errorf("%w: %s", ErrOtherKey, namespace)
	}
	if known {
		p.Earlier = append(slices.Clone(p.Earlier), p.KeyID)
		p.KeyID = v.KeyID
	} else {
		p = Publisher{Namespace: namespace, KeyID: v.KeyID, FirstSeen: now.UTC().Truncate(time.Second)}
	}
	return b.put(namespace, &p)
}

// Forget lets the next signature of a namespace be its first again.
func (b *Book) Forget(namespace string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, ok := b.list[namespace]; !ok {
		return fmt.Errorf("trust: no key of %.120q is remembered", namespace)
	}
	return b.put(namespace, nil)
}

// put changes one publisher, or forgets it, on disk first. b.mu is held.
func (b *Book) put(namespace string, p *Publisher) error {
	old := b.list
	b.list = maps.Clone(old)
	delete(b.list, namespace)
	if p != nil {
		b.list[namespace] = *p
	}
	text, err := json.MarshalIndent(bookFile{1, b.sorted()}, "", "  ")
	if err == nil {
		err = durable.Write(b.path, append(text, '\n'), 0o600)
	}
	if err != nil {
		b.list = old
		return fmt.Errorf("trust: %w", err)
	}
	return nil
}
