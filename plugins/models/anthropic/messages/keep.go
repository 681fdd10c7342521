package messages

import "encoding/json"

// kept is what an answer's model.Response.Keep holds: its thinking, signed by
// the provider, and where text and calls stood between. The protocol wants the
// blocks of an answer back in their order, to the letter.
type kept struct {
	By    string      `json:"by"`    // "anthropic"
	Model string      `json:"model"` // as it was asked for; another can't read it
	Order []keptBlock `json:"order"`
}

// keptBlock is a block of thinking, or stands for a text of that many bytes,
// or for one call.
type keptBlock struct {
	Type      string `json:"type"`
	Bytes     int    `json:"bytes,omitempty"`
	Thinking  string `json:"thinking,omitempty"`
	Signature string `json:"signature,omitempty"`
	Data      string `json:"data,omitempty"`
}

const keeper = "anthropic"

// readKept reads what this package kept for that model; of anything else it is
// empty.
func readKept(raw json.RawMessage, model string) kept {
	var k kept
	if len(raw) == 0 || json.Unmarshal(raw, &k) != nil || k.By != keeper || k.Model != model {
		return kept{}
	}
	return k
}

// blocks puts an answer together again; nil when nothing was kept. If the
// answer is not what it was, its thinking comes first: there the protocol
// looks for it.
func (k kept) blocks(said string, calls []block) []block {
	var thinking, all []block
	rest, left, same := said, calls, true
	for _, o := range k.Order {
		switch o.Type {
		case "thinking":
			b := block{Type: o.Type, Thinking: &o.Thinking, Signature: o.Signature}
			thinking, all = append(thinking, b), append(all, b)
		case "redacted_thinking":
			b := block{Type: o.Type, Data: o.Data}
			thinking, all = append(thinking, b), append(all, b)
		case "text":
			if o.Bytes < 0 || o.Bytes > len(rest) {
				same = false
				continue
			}
			if !blank(rest[:o.Bytes]) {
				all = append(all, text(rest[:o.Bytes]))
			}
			rest = rest[o.Bytes:]
		case "tool_use":
			if len(left) == 0 {
				same = false
				continue
			}
			all, left = append(all, left[0]), left[1:]
		}
	}
	if same && rest == "" && len(left) == 0 || len(thinking) == 0 {
		return all
	}
	if !blank(said) {
		thinking = append(thinking, text(said))
	}
	return append(thinking, calls...)
}
