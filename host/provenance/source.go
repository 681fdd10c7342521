package provenance

import (
	"slices"
	"strings"
)

// Kind is what sort of place a text came from.
type Kind string

const (
	Owner   Kind = "owner"   // the owner's own message
	Tool    Kind = "tool"    // a tool's result, its errors included
	Agent   Kind = "agent"   // another agent's answer, a sub-agent's included
	Contact Kind = "contact" // a message by somebody who is not the owner
	Memory  Kind = "memory"  // a note kept from an earlier turn or session
	File    Kind = "file"    // a file of the workspace
)

// Source is where a text came from.
type Source struct {
	Kind Kind `json:"kind"`
	// Name is "plugin/tool" for a tool, the contact's or the agent's name, a
	// note's or a file's; empty for the owner.
	Name string `json:"name,omitempty"`
	// Labels are those of the text: "untrusted", "private", names of sources.
	Labels []string `json:"labels,omitempty"`
}

// String is the source for people: "the owner", "tool web/fetch".
func (s Source) String() string {
	switch {
	case s.Kind == Owner:
		return "the owner"
	case s.Name == "":
		return string(s.Kind)
	}
	return string(s.Kind) + " " + s.Name
}

// Has reports whether the source carries the label.
func (s Source) Has(label string) bool { return slices.Contains(s.Labels, label) }

// Same reports whether two sources are one.
func (s Source) Same(o Source) bool { return s.key() == o.key() }

// key tells sources apart.
func (s Source) key() string {
	return string(s.Kind) + "\x00" + s.Name + "\x00" + strings.Join(s.Labels, "\x00")
}

// canonical has the labels sorted, each once, in a slice of its own.
func (s Source) canonical() Source {
	labels := slices.Clone(s.Labels)
	slices.Sort(labels)
	s.Labels = slices.Compact(labels)
	return s
}

// Text is something a session has read.
type Text struct {
	Source Source
	Body   string
}
