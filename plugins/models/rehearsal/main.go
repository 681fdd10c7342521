// Command rehearsal stands in for a language model: it follows a scenario or
// simple patterns, deterministically, and says that it is no model.
package main

import (
	"context"
	"iter"
	"strings"

	"github.com/ambithost/ambit/sdk"
	"github.com/ambithost/ambit/sdk/model"
	"github.com/ambithost/ambit/sdk/run"
)

var program = run.New(rehearsal())

func main() { program.Main() }

func rehearsal() sdk.Plugin {
	return sdk.Plugin{Name: "rehearsal", Version: "0.1.0", Complete: complete}
}

func complete(ctx context.Context, h *sdk.Host, req model.Request) (model.Response, error) {
	t := readTurn(req)
	resp, known := sumUp(t)
	if !known {
		var err error
		if resp, known, err = play(h.Config("scenario"), t); err != nil {
			return model.Response{}, err
		}
	}
	if !known {
		resp = follow(t)
	}
	resp.Model, resp.Stop = "rehearsal", model.StopEnd
	if len(resp.Calls) > 0 {
		resp.Stop = model.StopTools
	}
	resp.Usage = model.Usage{Input: words(t.owner) + t.asked, Output: words(resp.Text) + len(resp.Calls)}
	if req.Stream {
		for piece := range pieces(resp.Text) {
			if err := h.Emit(ctx, model.Delta{Text: piece}); err != nil {
				return model.Response{}, err
			}
		}
	}
	return resp, nil
}

// pieces cuts a text after words, into parts as long as a provider's mostly are.
func pieces(text string) iter.Seq[string] {
	const enough = 32 // bytes
	return func(yield func(string) bool) {
		from, to := 0, 0
		for word := range strings.SplitAfterSeq(text, " ") {
			to += len(word)
			if to-from >= enough {
				if !yield(text[from:to]) {
					return
				}
				from = to
			}
		}
		if to > from {
			yield(text[from:to])
		}
	}
}

func words(s string) int { return len(strings.Fields(s)) }

// turn is what this model looks at: the owner's last words and what has
// happened since.
type turn struct {
	owner   string
	asked   int      // answers given since
	results []string // of tools, since
	offered map[string]bool
}

func readTurn(req model.Request) turn {
	t := turn{offered: map[string]bool{}}
	for _, tool := range req.Tools {
		t.offered[tool.Name] = true
	}
	for _, m := range req.Messages {
		switch m.Role {
		case model.User:
			t.owner, t.asked, t.results = m.Text, 0, nil
		case model.Assistant:
			t.asked++
		case model.Tool:
			if m.Result != nil {
				t.results = append(t.results, m.Result.Text)
			}
		}
	}
	return t
}
