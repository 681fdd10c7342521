package policy

// Argument is one string of a request that goes out or changes something, with
// where its content appeared in what the session has read. The host computes
// it from the session; the model and the plugin have no say in it.
type Argument struct {
	// Name is the tool's argument, or "url", "query", "body" of a request. An
	// address that stands within a content is listed by itself, with the
	// content's name and the role "link".
	Name string `json:"name"`
	Role string `json:"role"` // "destination", "content", "link" or ""
	// Text is the beginning of the value, for people: one line, cut.
	Text    string           `json:"text,omitempty"`
	Sources []ArgumentSource `json:"sources,omitempty"`
	Labels  []string         `json:"labels,omitempty"` // of all sources, sorted
	// Match is how well the value was found: "verbatim", "folded", "decoded",
	// "pieces" or "none". With "none" the sources are all that was read.
	Match      string  `json:"match"`
	Confidence float64 `json:"confidence"` // of the match, 0 to 1
	// OwnerNamed: the whole value stands by itself in the owner's own words.
	OwnerNamed bool `json:"owner_named"`
	// OwnerPercent is how much of the value stands in the owner's words.
	OwnerPercent int64 `json:"owner_percent"`
	// RecordPercent is how much of the title of what the value stands for, the
	// event of that number, the person of that address, is in the owner's words:
	// the least in any record of it that was read, 0 where none was.
	RecordPercent int64 `json:"record_percent"`
	// Address: the value reaches anybody anywhere (a mail address, a URL, an
	// account or phone number), not one of those a service already knows.
	Address bool `json:"address"`
	// Secret: the value holds what looks like a password, a key or a code.
	Secret bool `json:"secret"`
	// Legible is false for text that looks encoded or enciphered; Illegible
	// says why.
	Legible   bool   `json:"legible"`
	Illegible string `json:"illegible,omitempty"`
	// Sentence is what the untrusted source says around the place, From that
	// source, for people. Both are empty where no untrusted source is among
	// the sources; Sentence is, where nothing was found.
	Sentence string `json:"sentence,omitempty"`
	From     string `json:"from,omitempty"`
}

// ArgumentSource is one place where an argument's content appeared.
type ArgumentSource struct {
	Kind   string   `json:"kind"` // "owner", "tool", "agent", "memory", …
	Name   string   `json:"name,omitempty"`
	Labels []string `json:"labels,omitempty"`
	// Whole: all of the value stands there, as plain text.
	Whole bool `json:"whole"`
	// RecordPercent is that of the argument, by the records of this source.
	RecordPercent int64 `json:"record_percent"`
}

// Pointed is the label of a text that was read from a place which the owner
// named: the file, the page, the channel stands in the owner's own words.
const Pointed = "pointed"

// Document is the label of a text that is one document which the owner named by
// its file name or its address, and not all that a search or a channel gave.
const Document = "document"

// arguments is the JSON form of arguments.
func arguments(list []Argument) []any {
	out := make([]any, len(list))
	for i, a := range list {
		sources := make([]any, len(a.Sources))
		for j, s := range a.Sources {
			m := map[string]any{"kind": s.Kind, "whole": s.Whole, "record_percent": s.RecordPercent}
			optional(m, "name", s.Name)
			m["labels"] = append([]string{}, s.Labels...)
			sources[j] = m
		}
		m := map[string]any{
			"name": a.Name, "role": a.Role, "match": a.Match, "confidence": a.Confidence,
			"owner_named": a.OwnerNamed, "owner_percent": a.OwnerPercent, "record_percent": a.RecordPercent,
			"address": a.Address, "secret": a.Secret, "legible": a.Legible,
		}
		// Lists are there when they are empty too: in Rego a rule that says that
		// something is not in a list has nothing to say where there is none.
		m["sources"], m["labels"] = sources, append([]string{}, a.Labels...)
		optional(m, "text", a.Text)
		optional(m, "illegible", a.Illegible)
		optional(m, "sentence", a.Sentence)
		optional(m, "from", a.From)
		out[i] = m
	}
	return out
}
