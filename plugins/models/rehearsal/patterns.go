package main

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"github.com/ambithost/ambit/sdk/model"
)

var (
	useTool   = regexp.MustCompile(`(?is)^use\s+([a-z0-9-]+)/([a-z0-9_-]+)\s*(\{.*\})?\s*$`)
	takeNote  = regexp.MustCompile(`(?is)^(?:please\s+)?(?:note|remember)(?:\s+that|:)?\s+(.+)$`)
	readNote  = regexp.MustCompile(`(?i)^(?:please\s+)?read\s+(?:my\s+)?note\s+(.+?)[.!]?$`)
	listNotes = regexp.MustCompile(`(?i)\b(?:list|show|what are)\b.*\bnotes\b`)
	calculate = regexp.MustCompile(`(?i)^(?:calculate|compute|what is|what's)\s+([-+*/%().\d\s]*\d[-+*/%().\d\s]*)\??$`)
	address   = regexp.MustCompile(`https?://[^\s"'<>]+`)
)

const (
	summed    = "The part to sum up:\n" // what the host asks when a conversation is too long
	summedEnd = 5                       // lines of it that are kept
)

// sumUp answers the host's wish for a summary: with the end of what it is of.
func sumUp(t turn) (model.Response, bool) {
	_, part, asked := strings.Cut(t.owner, summed)
	if !asked || len(t.offered) > 0 {
		return model.Response{}, false
	}
	lines := strings.Split(strings.TrimSpace(part), "\n")
	kept := lines[max(0, len(lines)-summedEnd):]
	for i, line := range kept {
		if r := []rune(line); len(r) > maxLine {
			kept[i] = string(r[:maxLine]) + "…"
		}
	}
	return model.Response{Text: fmt.Sprintf("A rehearsal can't sum up; of %d lines these are the last:\n%s", len(lines), strings.Join(kept, "\n"))}, true
}

// follow answers by the patterns of the README.
func follow(t turn) model.Response {
	if t.asked > 0 {
		return quote(t.results)
	}
	call, tool, args := wish(strings.TrimSpace(t.owner))
	switch {
	case call == "":
		return model.Response{Text: introduction(t)}
	case !t.offered[call]:
		return model.Response{Text: fmt.Sprintf("For that I would call %s, which I was not offered. It may not be installed, or hold no grant: ambit plugin list.", tool)}
	}
	return model.Response{Calls: []model.ToolCall{{ID: "r1-1", Name: call, Args: args}}}
}

// wish finds which tool the owner's words call for.
func wish(text string) (call, tool string, args json.RawMessage) {
	pick := func(tool string, args any) (string, string, json.RawMessage) {
		b, err := json.Marshal(args)
		if err != nil {
			return "", "", nil
		}
		return strings.Replace(tool, "/", "__", 1), tool, b
	}
	if m := useTool.FindStringSubmatch(text); m != nil {
		raw := json.RawMessage("{}")
		if json.Valid([]byte(m[3])) {
			raw = json.RawMessage(m[3])
		}
		return pick(m[1]+"/"+m[2], raw)
	}
	if m := takeNote.FindStringSubmatch(text); m != nil {
		return pick("notes/append", map[string]string{"name": "rehearsal", "text": m[1]})
	}
	if m := readNote.FindStringSubmatch(text); m != nil {
		return pick("notes/read", map[string]string{"name": m[1]})
	}
	if listNotes.MatchString(text) {
		return pick("notes/list", struct{}{})
	}
	if m := calculate.FindStringSubmatch(text); m != nil {
		return pick("code/run", map[string]string{"language": "starlark", "code": "result = " + strings.TrimSpace(m[1])})
	}
	if url := address.FindString(text); url != "" {
		return pick("web/fetch", map[string]string{"url": strings.TrimRight(url, ".,;:!?)")})
	}
	return "", "", nil
}

const (
	maxQuote = 600
	maxLine  = 120
)

// quote tells what the tools answered.
func quote(results []string) model.Response {
	if len(results) == 0 {
		return model.Response{Text: "Nothing came back."}
	}
	text := strings.TrimSpace(results[len(results)-1])
	if r := []rune(text); len(r) > maxQuote {
		text = string(r[:maxQuote]) + "…"
	}
	return model.Response{Text: "The tool answered:\n" + text}
}

func introduction(t turn) string {
	return fmt.Sprintf("I am a rehearsal, not a language model: I follow patterns. Try “note that the door code changed”, “list my notes”, “what is 6 * 7”, a web address, or “use plugin/tool {\"json\": 1}”. I was offered %d tools. For a real model: ambit plugin install openai.", len(t.offered))
}
