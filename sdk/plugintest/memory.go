package plugintest

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/ambithost/ambit/sdk/protocol"
)

// Note is one that the World keeps for the agent.
type Note struct {
	Name    string `json:"name"`
	Text    string `json:"text,omitempty"`
	Changed string `json:"changed"`
	Bytes   int    `json:"bytes"`
	By      string `json:"by"`
}

// memory answers memory.read and memory.write. Where a host has an index, the
// World looks for one of the words.
func (w *World) memory(name string, a effectArgs) (any, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	text, known := w.notes[a.Name]
	missing := protocol.Errorf(protocol.NotFound, "%s: there is no note %q", name, a.Name)
	if name == "memory.write" {
		switch {
		case a.Forget && !known:
			return nil, missing
		case a.Forget:
			delete(w.notes, a.Name)
			return struct{}{}, nil
		case !a.Append:
			text = ""
		}
		if w.notes == nil {
			w.notes = map[string]string{}
		}
		w.notes[a.Name] = text + strings.TrimRight(a.Text, "\n") + "\n"
		return struct{}{}, nil
	}
	if a.Name != "" && !known {
		return nil, missing
	}
	now := w.Now
	if now.IsZero() {
		now = noon
	}
	notes := []Note{}
	for _, n := range slices.Sorted(maps.Keys(w.notes)) {
		text := w.notes[n]
		holds := a.Query == "" || slices.ContainsFunc(strings.Fields(a.Query), func(word string) bool {
			return strings.Contains(strings.ToLower(n+" "+text), strings.ToLower(word))
		})
		if !holds || a.Name != "" && a.Name != n {
			continue
		}
		note := Note{Name: n, Changed: now.Format(time.RFC3339), Bytes: len(text), By: "plugin:memory"}
		if a.Name != "" || a.Query != "" {
			note.Text = text
		}
		notes = append(notes, note)
	}
	return map[string]any{"notes": notes}, nil
}
