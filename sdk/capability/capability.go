// Package capability is Ambit's vocabulary of powers: for each capability its
// risk, the attributes policy may rely on, and the keys by which a grant can
// narrow it. Start at [Lookup] and [All]; [Capability.Covers] decides whether
// a scope admits a request.
//
// The vocabulary is fixed at build time and the same for host, plugins and
// policies; nothing in this package can be changed by a caller.
package capability

import (
	"slices"
	"strings"
)

// Risk says how much harm one use can do and so how it is recorded and asked.
type Risk string

const (
	// Read takes information and changes nothing. Its audit record is
	// written before the effect and synced within a second.
	Read Risk = "read"
	// Write changes something that can be changed back.
	Write Risk = "write"
	// Irreversible can't be undone: money, calls, sent mail, public posts.
	Irreversible Risk = "irreversible"
	// Control acts on the host itself.
	Control Risk = "control"
)

// AtLeast reports whether one risk is as great as another. What is no risk is
// smaller than all.
func (r Risk) AtLeast(other Risk) bool {
	order := []Risk{Read, Write, Irreversible, Control}
	return slices.Index(order, r) >= slices.Index(order, other)
}

// Any as a scope entry admits every value (for hosts: on the default port).
const Any = "*"

// Match is how a scope entry is compared with an attribute.
type Match string

const (
	MatchExact   Match = "exact"   // equal strings
	MatchPrefix  Match = "prefix"  // the attribute begins with the entry
	MatchPath    Match = "path"    // a file, or a folder when the entry ends in "/"; "." is the whole workspace
	MatchHost    Match = "host"    // exact authority, or leading-dot suffix
	MatchAddress Match = "address" // CIDR or address; applied by policy to resolved addresses
	MatchMax     Match = "max"     // the integer attribute is at most the bound
)

// ScopeKey is one way to narrow a capability.
type ScopeKey struct {
	Name      string   // key in the scope object
	Attribute string   // attribute of the request it is compared with
	Match     Match    // how
	Default   []string // what an absent key stands for; nil admits nothing
	Doc       string
}

// Role is what an argument of a tool is to those outside.
type Role string

const (
	// Destination says who or what is reached: a recipient, a payee, an
	// address, a place, the thing that is acted on.
	Destination Role = "destination"
	// Content is what gets there, or what is set.
	Content Role = "content"
)

// Attribute is a fact about a request that policy may rely on.
type Attribute struct {
	Name     string
	Type     string // "string", "integer", "boolean", "strings" (a list)
	Required bool
	Role     Role // of a tool's argument of this name; empty is neither
	Doc      string
}

// Capability is a named power.
type Capability struct {
	Name       string
	Risk       Risk
	Domain     bool // carried by tools, not performed by the host itself
	Doc        string
	Attributes []Attribute
	Scope      []ScopeKey
	// Words are how people ask for it, in English: lower case, the beginnings of
	// words. They tell a wish from what a stranger slipped in, and only ever where
	// the owner would be asked otherwise.
	Words []string
}

// Removal are the words by which people ask to delete or to call off, as
// [Capability.Words].
func Removal() []string {
	return []string{"delet", "remov", "eras", "cancel", "drop", "discard", "trash", "clear", "clean", "kick", "ban", "throw", "wipe", "rid"}
}

// ScopeKey returns the key of that name, or nil.
func (c *Capability) ScopeKey(name string) *ScopeKey {
	for i := range c.Scope {
		if c.Scope[i].Name == name {
			return &c.Scope[i]
		}
	}
	return nil
}

// Phrase says a capability in the vocabulary's words: "charge a payment card
// (card.charge)".
func Phrase(name string) string {
	c, ok := Lookup(name)
	if !ok {
		return "use " + name
	}
	sentence, _, _ := strings.Cut(c.Doc, ".")
	return strings.ToLower(sentence[:1]) + sentence[1:] + " (" + c.Name + ")"
}

// Lookup finds a capability by name. The result is a copy's pointer: changing
// it changes nothing else.
func Lookup(name string) (*Capability, bool) {
	c, ok := vocabulary[name]
	if !ok {
		return nil, false
	}
	return &c, true
}

// All returns the whole vocabulary sorted by name.
func All() []Capability {
	out := make([]Capability, 0, len(names))
	for _, n := range names {
		out = append(out, vocabulary[n])
	}
	return out
}
