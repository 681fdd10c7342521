// Package feed reads and writes revocation feeds: signed lists of plugins that must
// not run any more. Whoever runs a registry, or looks after others' safety, signs
// one; hosts that follow it look every few seconds. [Sign] makes one, [Parse]
// verifies one, [Feed.Lists] asks it.
//
// Guarantees: nothing of a feed is used before its signature is verified with the
// key that the owner named; a feed is bounded; its words are fit to be shown; a
// feed that takes the place of another is newer ([Feed.Follows]).
//
// A feed is JSON: {"public_key": PEM, "feed": a DSSE envelope of the
// type [Type]}. The envelope's payload is a [Feed] in JSON.
package feed

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/mod/semver"

	"github.com/ambithost/ambit/registry/trust"
)

// Type is the media type of what is signed.
const Type = "application/vnd.ambit.revocations.v1+json"

// Bounds of a feed.
const (
	MaxBytes   = 1 << 20
	MaxEntries = 4096
	MaxReason  = 500 // characters
	// MaxAge is the longest that a feed may say that it holds.
	MaxAge = 7 * 24 * time.Hour
	// ahead is how far the signer's clock may be before ours.
	ahead = 10 * time.Minute
)

// Why a feed is not taken.
var (
	ErrRollback = errors.New("feed: is older than one that was seen before")
	ErrFork     = errors.New("feed: two feeds with the same number say different things")
	ErrStale    = errors.New("feed: is out of date")
)

// Feed is a list of what is revoked.
type Feed struct {
	Format  int       `json:"revocations"` // 1
	Number  int64     `json:"number"`      // grows with each that is signed
	Issued  time.Time `json:"issued"`
	Expires time.Time `json:"expires"` // at most [MaxAge] after Issued
	Entries []Entry   `json:"entries"`
}

// Entry revokes one thing: an artifact by the digest of its OCI manifest, a module
// by its digest, versions of a repository, or all that a key signed.
type Entry struct {
	Artifact   string `json:"artifact,omitempty"`
	Module     string `json:"module,omitempty"`
	Repository string `json:"repository,omitempty"` // "host/namespace/name"
	// Versions of the repository: conditions that all hold, such as "1.2.0" or
	// ">=1.0.0 <1.2.3"; "*" is all.
	Versions string    `json:"versions,omitempty"`
	Key      string    `json:"key,omitempty"` // [trust.KeyID]
	Reason   string    `json:"reason"`
	Since    time.Time `json:"since"`
}

// Subject is a plugin that a feed is asked about; empty is not known.
type Subject struct {
	Artifact, Module, Repository, Version, Signer string
}

// signed is a feed as it lies on a server.
type signed struct {
	PublicKey string         `json:"public_key"` // PEM
	Feed      trust.Envelope `json:"feed"`
}

// Sign makes the file of a feed.
func Sign(k *trust.Key, f *Feed) ([]byte, error) {
	f.Format = 1
	if err := f.check(); err != nil {
		return nil, err
	}
	payload, err := json.Marshal(f)
	if err != nil {
		return nil, fmt.Errorf("feed: %w", err)
	}
	b, err := json.MarshalIndent(signed{string(trust.EncodePublic(k.Public())), k.Seal(Type, payload)}, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("feed: %w", err)
	}
	if _, err := Parse(b, k.ID()); err != nil {
		return nil, err // never publish what nobody would take
	}
	return append(b, '\n'), nil
}

// Parse verifies a file with the key of that id, and reads the feed in it.
func Parse(b []byte, key string) (*Feed, error) {
	if len(b) > MaxBytes {
		return nil, fmt.Errorf("feed: has %d bytes, the limit is %d", len(b), MaxBytes)
	}
	var s signed
	if err := trust.DecodeStrict(b, &s); err != nil {
		return nil, fmt.Errorf("feed: %w", err)
	}
	public, err := trust.ParsePublic([]byte(s.PublicKey))
	if err != nil {
		return nil, fmt.Errorf("feed: %w", err)
	}
	if id := trust.KeyID(public); id != key {
		return nil, fmt.Errorf("feed: %w: want the key %s, and it was made with %s", trust.ErrSignature, key, id)
	}
	payload, err := s.Feed.Open(Type, public)
	if err != nil {
		return nil, fmt.Errorf("feed: %w", err)
	}
	f := new(Feed)
	if err := trust.DecodeStrict(payload, f); err != nil {
		return nil, fmt.Errorf("feed: %w", err)
	}
	return f, f.check()
}

func (f *Feed) check() error {
	switch {
	case f.Format != 1:
		return fmt.Errorf("feed: format %d; want 1 (it may be for a newer Ambit)", f.Format)
	case f.Number < 1:
		return errors.New("feed: has no number")
	case f.Issued.IsZero() || !f.Expires.After(f.Issued) || f.Expires.Sub(f.Issued) > MaxAge:
		return fmt.Errorf("feed: issued %s, expires %s: want it to hold for at most %s", f.Issued.Format(time.RFC3339), f.Expires.Format(time.RFC3339), MaxAge)
	case len(f.Entries) > MaxEntries:
		return fmt.Errorf("feed: has %d entries, the limit is %d", len(f.Entries), MaxEntries)
	}
	for i, e := range f.Entries {
		if err := e.check(); err != nil {
			return fmt.Errorf("feed: entry %d: %w", i+1, err)
		}
	}
	return nil
}

func (e *Entry) check() error {
	n := 0
	for _, s := range []string{e.Artifact, e.Module, e.Repository, e.Key} {
		if s != "" {
			n++
		}
	}
	switch {
	case n != 1:
		return errors.New("want one of artifact, module, repository and key")
	case e.Repository == "" && !trust.IsKeyID(e.Artifact+e.Module+e.Key):
		return fmt.Errorf("%.80q: want sha256: and 64 hex digits", e.Artifact+e.Module+e.Key)
	case (e.Repository == "") != (e.Versions == ""):
		return errors.New("versions belong to a repository, and a repository wants them")
	case e.Repository != "" && (!shown(e.Repository) || len(e.Repository) > 300 || !strings.Contains(e.Repository, "/")):
		return errors.New("want a repository as host/namespace/name")
	case e.Since.IsZero():
		return errors.New("want since when (since)")
	case e.Reason == "" || utf8.RuneCountInString(e.Reason) > MaxReason || !shown(e.Reason):
		return fmt.Errorf("want a reason of at most %d printable characters", MaxReason)
	}
	if e.Versions == "" {
		return nil
	}
	_, err := conditions(e.Versions)
	return err
}

// shown reports whether a text can be shown as it is: a feed's words end up on
// terminals and in chats.
func shown(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}

// Fresh reports whether the feed may be relied on at a time.
func (f *Feed) Fresh(now time.Time) error {
	switch {
	case f.Issued.After(now.Add(ahead)):
		return fmt.Errorf("%w: it is from %s, which is still to come", ErrStale, f.Issued.Format(time.RFC3339))
	case !f.Expires.After(now):
		return fmt.Errorf("%w: it held until %s", ErrStale, f.Expires.Format(time.RFC3339))
	}
	return nil
}

// Follows reports whether the feed may take the place of another; nil is none.
func (f *Feed) Follows(old *Feed) error {
	switch {
	case old == nil || f.Number > old.Number && !f.Issued.Before(old.Issued):
		return nil
	case f.Number != old.Number:
		return fmt.Errorf("%w: number %d of %s after number %d of %s", ErrRollback, f.Number, f.Issued.Format(time.RFC3339), old.Number, old.Issued.Format(time.RFC3339))
	}
	a, errA := json.Marshal(f)
	b, errB := json.Marshal(old)
	if errA != nil || errB != nil || !bytes.Equal(a, b) {
		return fmt.Errorf("%w: number %d", ErrFork, f.Number)
	}
	return nil
}

// Lists finds why a plugin is revoked.
func (f *Feed) Lists(s Subject) (Entry, bool) {
	for _, e := range f.Entries {
		if e.covers(s) {
			return e, true
		}
	}
	return Entry{}, false
}

func (e *Entry) covers(s Subject) bool {
	switch {
	case e.Artifact != "":
		return e.Artifact == s.Artifact
	case e.Module != "":
		return e.Module == s.Module
	case e.Key != "":
		return e.Key == s.Signer
	case e.Repository != s.Repository || s.Version == "": // the latter: a key is asked about
		return false
	}
	list, err := conditions(e.Versions)
	if err != nil {
		return true // checked before; a doubt is no permission
	}
	for _, c := range list {
		if !c.holds(s.Version) {
			return false
		}
	}
	return true
}

// condition is one of a range of versions.
type condition struct{ op, version string }

func conditions(s string) (list []condition, err error) {
	for _, word := range strings.Fields(s) {
		if word == "*" {
			list = append(list, condition{op: "*"})
			continue
		}
		version := strings.TrimLeft(word, "<>=")
		op := word[:len(word)-len(version)]
		switch op {
		case "", "=":
			op = "="
		case "<", "<=", ">", ">=":
		default:
			return nil, fmt.Errorf("versions %.80q: %q is no comparison", s, op)
		}
		if !semver.IsValid("v" + version) {
			return nil, fmt.Errorf("versions %.80q: %q is no version", s, version)
		}
		list = append(list, condition{op, version})
	}
	if len(list) == 0 {
		return nil, errors.New("versions: want conditions such as 1.2.0, >=1.0.0 <1.2.3, or *")
	}
	return list, nil
}

func (c condition) holds(version string) bool {
	order := semver.Compare("v"+version, "v"+c.version)
	switch c.op {
	case "<":
		return order < 0
	case "<=":
		return order <= 0
	case ">":
		return order > 0
	case ">=":
		return order >= 0
	case "=":
		return order == 0
	}
	return true
}
