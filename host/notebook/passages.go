package notebook

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"unicode/utf8"
)

const (
	// shortest is how many characters a line must have to be looked for: fewer
	// stand everywhere.
	shortest    = 12
	maxPassages = 2000
	forgotten   = "[forgotten]"
)

// Passages are the lines of texts that are to be forgotten, as they are looked
// for in what else a host keeps. Its zero value holds nothing.
type Passages struct {
	lines []string // the longest first
	forms [][]byte // in which they stand in JSON
}

// PassagesOf takes texts apart. A text of short lines alone is one passage.
func PassagesOf(texts ...string) Passages {
	var p Passages
	for _, text := range texts {
		before := len(p.lines)
		for line := range strings.Lines(text) {
			if line = strings.Trim(line, " \t\r\n#*->"); utf8.RuneCountInString(line) >= shortest {
				p.lines = append(p.lines, line)
			}
		}
		if text = strings.TrimSpace(text); len(p.lines) == before && utf8.RuneCountInString(text) >= 4 {
			p.lines = append(p.lines, text)
		}
	}
	slices.SortFunc(p.lines, func(a, b string) int {
		if len(a) != len(b) {
			return len(b) - len(a)
		}
		return strings.Compare(a, b)
	})
	p.lines = slices.Compact(p.lines)
	p.lines = p.lines[:min(len(p.lines), maxPassages)]
	for _, l := range p.lines {
		for _, html := range []bool{false, true} {
			once := escaped(l, html)
			p.forms = append(p.forms, once, escaped(string(once), html))
		}
	}
	slices.SortFunc(p.forms, bytes.Compare)
	p.forms = slices.CompactFunc(p.forms, bytes.Equal)
	return p
}

// escaped is how a text stands within a JSON string.
func escaped(s string, html bool) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(html)
	_ = enc.Encode(s) // a string never fails
	return bytes.TrimSuffix(bytes.TrimPrefix(bytes.TrimRight(b.Bytes(), "\n"), []byte(`"`)), []byte(`"`))
}

// Empty reports whether there is nothing to look for.
func (p Passages) Empty() bool { return len(p.lines) == 0 }

// In reports whether JSON holds any of them.
func (p Passages) In(b []byte) bool {
	return slices.ContainsFunc(p.forms, func(form []byte) bool { return bytes.Contains(b, form) })
}

// Without returns a text without them.
func (p Passages) Without(text string) string {
	for _, l := range p.lines {
		text = strings.ReplaceAll(text, l, forgotten)
	}
	return text
}

// WithoutJSON returns JSON in which no string holds any of them. What a model's
// provider wants kept with a message, "keep", goes with it: it may hold the text
// in a form of its own.
func (p Passages) WithoutJSON(b []byte) ([]byte, error) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if m, is := v.(map[string]any); is {
		delete(m, "keep")
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	err := enc.Encode(p.walk(v))
	return bytes.TrimRight(out.Bytes(), "\n"), err
}

func (p Passages) walk(v any) any {
	switch v := v.(type) {
	case string:
		return p.Without(v)
	case []any:
		for i := range v {
			v[i] = p.walk(v[i])
		}
	case map[string]any:
		clean := make(map[string]any, len(v))
		for k, x := range v {
			clean[p.Without(k)] = p.walk(x)
		}
		return clean
	}
	return v
}
