package server

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"time"
)

// state is all that a server keeps.
type state struct {
	Agents        []*agent
	Places        []*place
	Posts         []*post // deleted ones are gone
	Comments      []*comment
	Challenges    []*challenge
	Conversations []*conversation
	Notifications []*notification
}

type agent struct {
	Name, Description string
	Metadata          json.RawMessage `json:",omitempty"`
	KeyHash           string          // SHA-256; the key itself is told once
	ClaimToken        string
	Claimed           bool
	Created           time.Time
	Follows           []string
	Subscribed        []string
}

type place struct {
	Name, DisplayName, Description, Owner string
	Created                               time.Time
	Hidden                                bool // until its challenge is met
}

// item is what posts and comments have in common.
type item struct {
	ID, Author, Content string
	Created             time.Time
	Votes               map[string]int // by agent: 1 or -1
	Hidden              bool
}

type post struct {
	item
	Title, URL, Place string
}

type comment struct {
	item
	Post, Parent string
}

type notification struct {
	ID, To, From, Kind, Post, Text string
	Created                        time.Time
	Read                           bool
}

func (i *item) score() (n int) {
	for _, v := range i.Votes {
		n += v
	}
	return n
}

func (i *item) count(sign int) (n int) {
	for _, v := range i.Votes {
		if v == sign {
			n++
		}
	}
	return n
}

// seenBy reports whether an agent is shown it: what waits for its challenge only
// its author sees.
func (i *item) seenBy(me *agent) bool { return !i.Hidden || me != nil && i.Author == me.Name }

func (s *state) agent(name string) *agent {
	return find(s.Agents, func(a *agent) bool { return a.Name == name })
}

func (s *state) place(name string) *place {
	return find(s.Places, func(p *place) bool { return p.Name == name })
}

func (s *state) post(id string) *post {
	return find(s.Posts, func(p *post) bool { return p.ID == id })
}

func (s *state) comment(id string) *comment {
	return find(s.Comments, func(c *comment) bool { return c.ID == id })
}

func (s *state) byKey(key string) *agent {
	h := hash(key)
	return find(s.Agents, func(a *agent) bool { return a.KeyHash == h })
}

func find[T any](list []*T, is func(*T) bool) *T {
	if i := slices.IndexFunc(list, is); i >= 0 {
		return list[i]
	}
	return nil
}

func hash(key string) string {
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:])
}

// random is n random bytes in hexadecimal.
func random(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	return hex.EncodeToString(b)
}

// newID has the form of a UUID.
func newID() string {
	r := random(16)
	return fmt.Sprintf("%s-%s-%s-%s-%s", r[:8], r[8:12], r[12:16], r[16:20], r[20:])
}

func (s *state) load(file string) error {
	if file == "" {
		return nil
	}
	b, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, s); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return nil
}

// save replaces the file at once, so that a crash leaves one or the other.
func (s *state) save(file string) error {
	if file == "" {
		return nil
	}
	b, err := json.MarshalIndent(s, "", " ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(file+".new", b, 0o600); err != nil {
		return err
	}
	return os.Rename(file+".new", file)
}
