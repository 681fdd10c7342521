package wiretest

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/ambithost/ambit/sdk"
	"github.com/ambithost/ambit/sdk/model"
	"github.com/ambithost/ambit/sdk/plugintest"
)

// Sturdy holds an adapter to reading the same from a stream however it is
// written: with fields and events that nobody knows, pings, comments, other
// ends of lines, and without its last lines' ends. It returns what was read.
func Sturdy(t *testing.T, p sdk.Plugin, config map[string]string, answer plugintest.HTTPResponse) model.Response {
	t.Helper()
	want, said, err := Ask(t, p, One(answer), config, Weather())
	if err != nil {
		t.Fatal(err)
	}
	if said != want.Text {
		t.Errorf("streamed %q, said %q", said, want.Text)
	}
	variants := mangledLines(string(answer.Body))
	if strings.HasPrefix(answer.Header.Get("Content-Type"), "text/event-stream") {
		variants = mangledEvents(string(answer.Body))
	}
	for name, body := range variants {
		other := answer
		other.Body = []byte(body)
		got, streamed, err := Ask(t, p, One(other), config, Weather())
		if err != nil || streamed != said || !reflect.DeepEqual(plain(t, got), plain(t, want)) {
			t.Errorf("%s: got %+v, streamed %q, %v\nwant %+v", name, got, streamed, err, want)
		}
	}
	return want
}

// plain is a response without the order that its JSON was written in.
func plain(t *testing.T, r model.Response) (v any) {
	t.Helper()
	b, err := json.Marshal(r)
	if err == nil {
		err = json.Unmarshal(b, &v)
	}
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// mangledEvents writes server-sent events in other ways that mean the same.
func mangledEvents(body string) map[string]string {
	body = strings.TrimRight(strings.ReplaceAll(body, "\r\n", "\n"), "\n") + "\n\n"
	between := func(what string) string { return what + strings.ReplaceAll(body, "\n\n", "\n\n"+what) }
	return map[string]string{
		"CRLF":                strings.ReplaceAll(body, "\n", "\r\n"),
		"CR":                  strings.ReplaceAll(body, "\n", "\r"),
		"BOM":                 "\ufeff" + body,
		"no space":            strings.ReplaceAll(body, "data: ", "data:"),
		"no end":              strings.TrimRight(body, "\n"),
		"one line feed":       strings.TrimRight(body, "\n") + "\n",
		"comments":            between(": keep-alive\n\n"),
		"comments, in events": strings.ReplaceAll(body, "data: ", ": x\ndata: "),
		"ids and retries":     strings.ReplaceAll(body, "data: ", "id: 1\nretry: 5\nnew\ndata: "),
		"event names":         strings.ReplaceAll(body, "data: ", "event: something\ndata: "),
		"pings":               between("event: ping\ndata: ping\n\n"),
		"JSON pings":          between("data: {\"type\":\"ping\"}\n\n"),
		"empty events":        between("event: x\n\n\n\ndata:\n\n"),
		"lists":               between("data: [1, 2]\n\n"),
		"events of tomorrow":  between("data: {\"type\":\"response.tomorrow\",\"delta\":{\"x\":1},\"index\":\"a\",\"tomorrow\":[{}]}\n\n"),
		"fields of tomorrow":  eachObject(body, "data: "),
	}
}

// mangledLines does the same for newline-delimited JSON.
func mangledLines(body string) map[string]string {
	return map[string]string{
		"CRLF":               strings.ReplaceAll(body, "\n", "\r\n"),
		"no end":             strings.TrimRight(body, "\n"),
		"no line feeds":      strings.ReplaceAll(body, "\n", ""),
		"empty lines":        strings.ReplaceAll(body, "\n", "\n \n\t\n"),
		"fields of tomorrow": eachObject(body, ""),
	}
}

// eachObject adds a field to every object of every line, but for a tool's
// arguments, which are the model's own, and summaries, which go back to the
// server as they came.
func eachObject(body, prefix string) string {
	lines := strings.Split(body, "\n")
	for i, line := range lines {
		text, ok := strings.CutPrefix(line, prefix)
		var v any
		if !ok || json.Unmarshal([]byte(text), &v) != nil {
			continue
		}
		b, err := json.Marshal(grown(v))
		if err != nil {
			continue
		}
		lines[i] = prefix + string(b)
	}
	return strings.Join(lines, "\n")
}

func grown(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for key, value := range v {
			if key != "args" && key != "input" && key != "arguments" && key != "summary" {
				v[key] = grown(value)
			}
		}
		v["tomorrow_field"] = map[string]any{"a": []any{1, nil, "x"}}
	case []any:
		for i := range v {
			v[i] = grown(v[i])
		}
	}
	return v
}

// Grows holds an adapter to sending a conversation so that a provider can reuse
// what it saw before: what the list in a request's field holds up to its last
// entry, each later request of the conversation begins with, and the rest of the
// request stays as it was. Marks of what to cache are left out of the comparison.
func Grows(t *testing.T, p sdk.Plugin, config map[string]string, field string, answer plugintest.HTTPResponse) {
	t.Helper()
	all := Conversation()
	var before []any
	var rest string
	for _, n := range []int{3, 6, 9} { // where the model is asked
		req := all
		req.Messages = all.Messages[:n]
		s := One(answer)
		if _, _, err := Ask(t, p, s, config, req); err != nil {
			t.Fatal(err)
		}
		body := unmarked(Body(t, s.Got[0])).(map[string]any)
		list, _ := body[field].([]any)
		delete(body, field)
		b, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		if n > 3 && (rest != string(b) || len(list) < len(before) || !reflect.DeepEqual(list[:len(before)-1], before[:len(before)-1])) {
			t.Errorf("after %d messages it sends\n%v\nand before\n%v\nbeside it %s\nand before %s", n, list, before, b, rest)
		}
		before, rest = list, string(b)
	}
}

func unmarked(v any) any {
	switch v := v.(type) {
	case map[string]any:
		delete(v, "cache_control")
		for key := range v {
			v[key] = unmarked(v[key])
		}
	case []any:
		for i := range v {
			v[i] = unmarked(v[i])
		}
	}
	return v
}
