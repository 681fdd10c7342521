// Package notebook keeps what agents remember: one Markdown file a note, one
// folder an agent, which a person may read and change with any editor. Beside
// the files an [Index] holds the labels and sources of each note and finds
// words. Start at [New].
//
// Guarantees: a note is replaced whole or not at all; its labels are there
// before its text is, and go only with it or by the owner's word, so that a
// crash leaves too many labels and never too few; what was changed, made,
// renamed or deleted by hand is noticed before the next answer; a name is one
// plain file name; sizes and numbers are bounded; the words of a search are
// never an expression.
//
// What does not hold: who may write to the folder as the owner's user may write
// notes without labels. Plugins can't: the folder is no part of a workspace.
package notebook

import (
	"context"
	"errors"
	"slices"
	"time"
)

// Source is where a note came from.
type Source struct {
	Session string    `json:"session,omitempty"`
	Turns   []string  `json:"turns,omitempty"` // first and last, or just one
	From    time.Time `json:"from,omitzero"`
	To      time.Time `json:"to,omitzero"`
}

// Record is what the host knows about a note beside its text.
type Record struct {
	Agent   string
	Name    string
	Labels  []string // of all that the text was made from; sorted
	Sources []Source // the newest last
	By      string   // who wrote it last: "owner", "plugin:NAME", "agent:NAME"
	Created time.Time
	Changed time.Time // of the file, to the microsecond
	Size    int64     // bytes of the file
	Digest  string    // SHA-256 of what is indexed, in hex; empty: nothing is
}

// Note is a record with its text.
type Note struct {
	Record
	Text string
}

// Found is a note that a search found.
type Found struct {
	Record
	// Text is all of a short note, else the passage that matched best.
	Text  string
	Whole bool
}

// Records keep what is known about notes.
type Records interface {
	// Notes returns those of an agent, by name.
	Notes(ctx context.Context, agent string) ([]Record, error)
	// PutNote stores a record; with a text, it is what searches find from now on.
	PutNote(ctx context.Context, r Record, text *string) error
	// DropNote forgets a record and its text, so that neither is left in the
	// file that holds them.
	DropNote(ctx context.Context, agent, name string) error
}

// Index keeps records and finds text.
type Index interface {
	Records
	// FindNotes returns notes with words that begin like the given ones, the best
	// first: with all of them, or with any.
	FindNotes(ctx context.Context, agent string, words []string, all bool, limit int) ([]Found, error)
}

// Limits bound what an agent may keep. Zero fields take the default named.
type Limits struct {
	NoteBytes int64 // one note: 64 KiB
	Notes     int   // 2000
	Bytes     int64 // all notes of an agent: 16 MiB
}

func (l Limits) withDefaults() Limits {
	if l.NoteBytes <= 0 {
		l.NoteBytes = 64 << 10
	}
	if l.Notes <= 0 {
		l.Notes = 2000
	}
	if l.Bytes <= 0 {
		l.Bytes = 16 << 20
	}
	return l
}

// Config is what a [Keeper] is made of. Index, Folder and Default are required.
type Config struct {
	Index Index
	// Folder gives the folder of an agent's notes. It must exist, and be the
	// owner's alone.
	Folder  func(agent string) (string, error)
	Default string // the agent that an empty name means
	Limits  Limits
	Now     func() time.Time // nil: time.Now
}

// Keeper keeps the notes of all agents. It is safe for concurrent use.
type Keeper struct {
	cfg     Config
	turn    chan struct{}   // one at a time: a text and its labels belong together
	checked map[string]bool // agents whose files were read since the start; guarded by turn
}

// New checks the configuration and makes a keeper.
func New(cfg Config) (*Keeper, error) {
	if cfg.Index == nil || cfg.Folder == nil || cfg.Default == "" {
		return nil, errors.New("notebook: Index, Folder and Default are required")
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	cfg.Limits = cfg.Limits.withDefaults()
	return &Keeper{cfg: cfg, turn: make(chan struct{}, 1), checked: map[string]bool{}}, nil
}

// List returns an agent's notes by name, and the names of files in its folder
// that are none, with the reason each.
func (k *Keeper) List(ctx context.Context, agent string) (list []Record, skipped []string, err error) {
	err = k.with(ctx, agent, func(b *book) error {
		list, skipped = b.list(), b.skipped
		return nil
	})
	return list, skipped, err
}

// Read returns one note.
func (k *Keeper) Read(ctx context.Context, agent, name string) (n Note, err error) {
	err = k.with(ctx, agent, func(b *book) error {
		n, err = b.read(name)
		return err
	})
	return n, err
}

// Search returns the notes that hold the words of a query, the best first: those
// with all of them, or if there is none, those with any. A query without a word
// finds nothing.
func (k *Keeper) Search(ctx context.Context, agent, query string, limit int) (found []Found, err error) {
	words := wordsOf(query)
	err = k.with(ctx, agent, func(b *book) error {
		for _, all := range []bool{true, false} {
			if len(words) > 0 && len(found) == 0 {
				if found, err = k.cfg.Index.FindNotes(ctx, b.agent, words, all, limit); err != nil {
					return err
				}
			}
		}
		return nil
	})
	return found, err
}

// Entry is what is written.
type Entry struct {
	Agent, Name, Text string
	Append            bool // to the end of the note, on a line of its own
	// Labels are of all that the text was made from.
	Labels []string
	// Keep leaves the labels and sources that the note has beside the new ones;
	// to append does so anyway.
	Keep   bool
	Source *Source // nil: none
	By     string
	// Was, if set, is the digest of the text that is replaced; empty: there is no
	// note yet. When it is another, nothing is written: [ErrChanged].
	Was *string
}

// ErrChanged says that a note is not what its writer saw.
var ErrChanged = errors.New("notebook: the note was changed meanwhile")

// Write writes a note and returns what is known about it from then on.
func (k *Keeper) Write(ctx context.Context, e Entry) (r Record, err error) {
	err = k.with(ctx, e.Agent, func(b *book) error {
		r, err = b.write(ctx, e)
		return err
	})
	return r, err
}

// Forget deletes a note: file, text that searches find, record, labels. It
// returns what there was.
func (k *Keeper) Forget(ctx context.Context, agent, name string) (n Note, err error) {
	err = k.with(ctx, agent, func(b *book) error {
		if n, err = b.read(name); err != nil {
			return err
		}
		return b.forget(ctx, name)
	})
	return n, err
}

// with opens an agent's book, brings what is known up to date, and runs fn.
func (k *Keeper) with(ctx context.Context, agent string, fn func(*book) error) error {
	if agent == "" {
		agent = k.cfg.Default
	}
	select {
	case k.turn <- struct{}{}:
		defer func() { <-k.turn }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	b, err := k.open(ctx, agent)
	if err != nil {
		return err
	}
	defer b.root.Close()
	return fn(b)
}

// union is two lists of labels as one, sorted, each once.
func union(a, b []string) []string {
	all := slices.Concat(a, b)
	slices.Sort(all)
	return slices.Compact(all)
}
