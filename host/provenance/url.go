package provenance

import (
	"cmp"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// hostname is a value that is a host's name and nothing else.
var hostname = regexp.MustCompile(`^[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}$`)

func isHost(value string) bool { return len(value) < 256 && hostname.MatchString(value) }

// How many items of a list, and parts within a part of a URL, are traced one by
// one.
const (
	maxItems  = 32
	maxParted = 8
)

// usual are names of query fields and parts of paths that say nothing.
var usual = map[string]bool{"q": true, "query": true, "id": true, "page": true, "lang": true, "format": true, "api": true, "s": true,
	"search": true, "index": true, "html": true, "v": true, "v1": true, "v2": true, "www": true, "limit": true, "url": true}

// list counts a value of several items as the owner's when each one is: what
// stands between commas, semicolons or line ends, or an address in <> behind its
// name.
func (m *Material) list(value string, t Trace) Trace {
	if !strings.ContainsAny(value, ",;\n<") || len(value) > 8<<10 {
		return t
	}
	items := strings.FieldsFunc(value, func(r rune) bool { return strings.ContainsRune(",;\n", r) })
	if len(items) > maxItems {
		return t
	}
	owners := &Material{sources: m.sources, spent: m.spent} // most lists fail here, and soon
	for _, in := range m.texts {
		if m.sources[in.source].Kind == Owner {
			owners.texts = append(owners.texts, in)
		}
	}
	owner := Found{How: "case or spacing", Share: 1, named: true}
	found := []Found{}
	for _, item := range items {
		if name, in, ok := strings.Cut(item, "<"); ok {
			item = strings.TrimSuffix(strings.TrimSpace(in), ">")
			if !m.nameOf(name, item) {
				return t
			}
		}
		if item = strings.TrimSpace(item); item == "" {
			continue
		}
		if one := owners.trace(item, isHost(item)); one.Short || !one.OwnerNamed() {
			return t
		}
		one := m.trace(item, isHost(item))
		for _, f := range one.Found {
			if f.Source.Kind == Owner && f.named && owner.Sentence == "" {
				owner.Source, owner.Sentence = f.Source, f.Sentence
			} else {
				found = appendFound(found, f)
			}
		}
	}
	if owner.Sentence == "" {
		return t
	}
	found = slices.DeleteFunc(found, func(f Found) bool { return f.Source.key() == owner.Source.key() })
	return Trace{Match: Pieces, Confidence: 0.85, Found: append([]Found{owner}, found...)}
}

// nameOf reports whether what stands before an address is the owner's word or is
// made of the address, so that nothing leaves in it.
func (m *Material) nameOf(name, address string) bool {
	in := tight(address)
	if signs(name) > 2 || !evenSpace(name, name) {
		return false
	}
	for _, w := range strings.Fields(name) {
		if w := tight(w); !strings.Contains(in, w) {
			return m.trace(strings.Trim(name, ` "'`), false).OwnerNamed()
		}
	}
	return true
}

// rank puts the owner's words first and what was merely read last.
func rank(f Found) int {
	switch {
	case f.How == howRead:
		return 2
	case f.Source.Kind == Owner:
		return 0
	}
	return 1
}

// appendFound adds a source once; a place comes before a mere reading.
func appendFound(all []Found, f Found) []Found {
	f.named = false
	i := slices.IndexFunc(all, func(o Found) bool { return o.Source.key() == f.Source.key() })
	switch {
	case i < 0:
		return append(all, f)
	case all[i].How == howRead && f.How != howRead:
		all[i] = f
	}
	return all
}

// url traces the parts of a URL one by one. A URL that was not found whole has
// come from where its parts have.
func (m *Material) url(value string, t Trace) Trace {
	u, err := url.Parse(strings.TrimSpace(value))
	if err != nil || u.Scheme == "" || u.Host == "" || len(value) > 8<<10 {
		return t
	}
	add := func(name, text string, items ...string) {
		items = slices.DeleteFunc(items, func(s string) bool { return usual[tight(s)] || tight(s) == "" && len(s) <= 2 })
		if len(items) > maxParted {
			items = []string{strings.Join(items, " ")}
		}
		if text != "" {
			t.Parts = append(t.Parts, Part{Name: name, Text: text, Trace: m.items(items, name == "host")})
		}
	}
	add("user", u.User.String(), u.User.String())
	host, path := u.Hostname(), strings.Split(u.Path, "/")
	if bare, ok := strings.CutPrefix(host, "www."); ok && m.trace(bare, true).OwnerNamed() {
		host = bare
	}
	add("host", u.Host, host, u.Port())
	add("path", strings.Trim(u.Path, "/"), path...)
	var query []string
	for key, values := range u.Query() {
		if query = append(query, values...); len(tight(key)) > 2 {
			query = append(query, key)
		}
	}
	slices.Sort(query)
	text, err := url.QueryUnescape(u.RawQuery)
	if err != nil {
		text, query = u.RawQuery, append(query, u.RawQuery)
	}
	add("query", text, query...)
	add("fragment", u.Fragment, u.Fragment)
	if !t.Union || strings.Contains(u.Path, "//") { // strokes may be counted
		return t
	}
	merged, named := Trace{Match: Pieces, Confidence: 1}, len(t.Parts) > 0
	for _, p := range t.Parts {
		merged = join(merged, p.Trace)
		named = named && (p.OwnerNamed() || len(p.Found) == 0) && !(p.Name == "host" && p.Short)
	}
	if merged.Union {
		if t.Match == None && slices.ContainsFunc(t.Parts, func(p Part) bool { return p.Match != None }) {
			t.Match, t.Confidence, t.Why = Pieces, merged.Confidence, "a part of it was not found in what was read"
		}
		t.Found = merged.Found
		return t
	}
	if i := slices.IndexFunc(merged.Found, func(f Found) bool { return f.Source.Kind == Owner }); named && i >= 0 {
		merged.Found[i].named = true
	}
	merged.Parts, merged.Confidence = t.Parts, min(merged.Confidence, 0.85)
	return merged
}

// items traces several texts and says of all together what holds for each.
func (m *Material) items(items []string, host bool) Trace {
	if len(items) == 0 {
		return Trace{Match: Pieces, Confidence: 1, Why: "nothing in it that says anything"}
	}
	t := m.trace(items[0], host)
	for _, item := range items[1:] {
		t = join(t, m.trace(item, host))
	}
	return t
}

// join is the answer for two values together: as weak as the weaker, named by
// the owner only if both are.
func join(a, b Trace) Trace {
	t := Trace{Match: a.Match, Confidence: min(a.Confidence, b.Confidence), Union: a.Union || b.Union, Short: a.Short && b.Short, Why: a.Why}
	if b.Match != a.Match {
		t.Match = Pieces
		if b.Match == None || a.Match == None {
			t.Match = None
		}
	}
	if t.Why == "" {
		t.Why = b.Why
	}
	named := a.OwnerNamed() && b.OwnerNamed()
	for _, f := range slices.Concat(a.Found, b.Found) {
		t.Found = appendFound(t.Found, f)
	}
	slices.SortStableFunc(t.Found, func(a, b Found) int { return cmp.Compare(rank(a), rank(b)) })
	if named {
		i := slices.IndexFunc(t.Found, func(f Found) bool { return f.Source.Kind == Owner })
		t.Found[i].named = true
	}
	return t
}
