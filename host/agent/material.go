package agent

import (
	"context"
	"encoding/json"
	"regexp"
	"slices"
	"strings"

	"github.com/ambithost/ambit/host/policy"
	"github.com/ambithost/ambit/host/provenance"
	"github.com/ambithost/ambit/sdk/capability"
)

// MaterialOf is what a session has read: the owner's words, those of others who
// write to it, the results of tools, and what schedules and instructions for
// heartbeats say. The host's own words are nobody's, and the model's count for nothing: what
// it says is made of what it read. The entries are those of the whole session,
// also those that the model is no longer given: what it once read it may still
// repeat. labels are the session's.
func MaterialOf(entries []Entry, labels []string) *provenance.Material {
	return (*provenance.Material)(nil).With(textsOf(entries, labels)...)
}

func textsOf(entries []Entry, labels []string) []provenance.Text {
	texts := make([]provenance.Text, 0, len(entries))
	for _, e := range entries {
		switch {
		case e.Kind == FromOwner:
			texts = append(texts, provenance.Text{Source: provenance.Source{Kind: provenance.Owner}, Body: e.Message.Text})
		case e.Kind == FromContact && e.Source != nil:
			texts = append(texts, provenance.Text{Source: *e.Source, Body: unframe(e.Message.Text)})
		case e.Kind == FromWake && e.Source != nil && e.Source.Kind != "":
			texts = append(texts, provenance.Text{Source: *e.Source, Body: unframe(e.Message.Text)})
		case e.Kind == FromTool && e.Message.Result != nil:
			source := provenance.Source{Kind: provenance.Tool, Labels: labels} // unless it is known better
			if e.Source != nil {
				source = *e.Source
			}
			if source.Kind == "" {
				continue // the host's word
			}
			texts = append(texts, provenance.Text{Source: source, Body: unframe(e.Message.Result.Text)})
		}
	}
	return texts
}

// reading is what a session has read up to an entry. To read a long one anew for
// each message would take longer with every message.
type reading struct {
	material *provenance.Material
	upto     int64 // the last entry that is in it
}

// maxReadings is how many sessions' readings are at hand; another's is made from
// its history again.
const maxReadings = 4

func (a *Agent) recalled(session string) reading {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.readings[session]
}

// Read is what a session has read so far, and its labels: what an answer to
// somebody else may be made of.
func (a *Agent) Read(ctx context.Context, session string) (*provenance.Material, []string, error) {
	s, err := a.cfg.Store.Session(ctx, session)
	if err != nil {
		return nil, nil, err
	}
	known := a.recalled(session)
	fresh, err := a.cfg.Store.Entries(ctx, session, known.upto+1, 0)
	if err != nil {
		return nil, nil, err
	}
	return known.material.With(textsOf(fresh, s.Labels)...), s.Labels, nil
}

// remember keeps what a turn knows of its session. The caller holds mu.
func (a *Agent) remember(t *turn) {
	if len(t.history) == 0 {
		return
	}
	for other := range a.readings { // any will do: all are busy, or none
		if len(a.readings) < maxReadings {
			break
		}
		if other != t.Session {
			delete(a.readings, other)
		}
	}
	a.readings[t.Session] = reading{t.material, t.history[len(t.history)-1].Seq}
}

// SourceOf is where the text of a tool's result came from. A result that was
// read from a place which the owner named says so.
func SourceOf(m *provenance.Material, tool Tool, args json.RawMessage, labels []string) *provenance.Source {
	s := &provenance.Source{Kind: provenance.Tool, Name: tool.Name, Labels: slices.Clone(labels)}
	if tool.Risk != capability.Read {
		return s
	}
	place, document := pointed(m, args)
	if place {
		s.Labels = append(s.Labels, policy.Pointed)
	}
	if document {
		s.Labels = append(s.Labels, policy.Document)
	}
	return s
}

// documentName is a file's name with its extension, a path, or a page's address.
// A mail address is nobody's document.
var documentName = regexp.MustCompile(`^[^@]*[\p{L}\p{N}]\.\p{L}[\p{L}\p{N}]{0,9}$|^[^@\s]+/[^@\s]*$`)

// pointed reports whether the owner named the place that a call reads from: its
// arguments hold at least one string, and every one stands in the owner's words.
// It is a document if each of them is a document's name.
func pointed(m *provenance.Material, args json.RawMessage) (place, document bool) {
	var v any
	if json.Unmarshal(args, &v) != nil {
		return false, false
	}
	named, all, documents := 0, true, true
	var walk func(any)
	walk = func(v any) {
		switch v := v.(type) {
		case string:
			if strings.TrimSpace(v) == "" {
				return
			}
			named++
			all = all && m.Trace(v).OwnerNamed()
			documents = documents && documentName.MatchString(v)
		case []any:
			for _, x := range v {
				walk(x)
			}
		case map[string]any:
			for _, x := range v {
				walk(x)
			}
		}
	}
	walk(v)
	place = named > 0 && all
	return place, place && documents
}
