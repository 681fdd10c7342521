package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/ambithost/ambit/sdk"
	"github.com/ambithost/ambit/sdk/protocol"
)

const (
	folder  = "notes/"
	suffix  = ".md"
	maxName = 80       // characters
	maxNote = 64 << 10 // bytes; what a model can take in at once
)

func notes() sdk.Plugin {
	return sdk.Plugin{
		Name:    "notes",
		Version: "0.1.0",
		Tools: []sdk.Tool{
			{Name: "write", Description: "Write a note, replacing one of the same name. Use it to remember something for later conversations.",
				Input:  object(`"name", "text"`, `"name": {"type": "string", "description": "Name of the note: letters, digits, spaces, dashes, underscores; at most 80 characters."}`, `"text": {"type": "string", "description": "What the note says, in Markdown."}`),
				Handle: write},
			{Name: "append", Description: "Add text to the end of a note, on a line of its own. The note is made if there is none.",
				Input: object(`"name", "text"`, nameField, `"text": {"type": "string", "description": "What is added, in Markdown."}`), Handle: appendTo},
			{Name: "read", Description: "Read a note.", Input: object(`"name"`, nameField), Handle: read},
			{Name: "list", Description: "List all notes with their sizes and when they last changed, the newest first.",
				Input: `{"type": "object", "properties": {}, "additionalProperties": false}`, Handle: list},
			{Name: "search", Description: "Find notes that hold all of the given words in their name or text, and show the lines that match.",
				Input: object(`"query"`, `"query": {"type": "string", "description": "Words to look for, in any order and case."}`), Handle: search},
			{Name: "delete", Description: "Delete a note.", Input: object(`"name"`, nameField), Handle: remove},
		},
	}
}

const nameField = `"name": {"type": "string", "description": "Name of the note."}`

func object(required string, fields ...string) string {
	return `{"type": "object", "properties": {` + strings.Join(fields, ", ") + `}, "required": [` + required + `], "additionalProperties": false}`
}

// note is the arguments of the tools that are about one note.
type note struct {
	Name string `json:"name"`
	Text string `json:"text"`
}

func bind(c *sdk.Call) (note, error) {
	var n note
	if err := c.Bind(&n); err != nil {
		return n, err
	}
	n.Name = strings.TrimSuffix(strings.TrimSpace(n.Name), suffix)
	return n, checkName(n.Name)
}

// checkName keeps a name to what is one plain file name on every system.
func checkName(name string) error {
	bad := func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune(" -_", r)
	}
	if name == "" || len([]rune(name)) > maxName || len(name) > 200 || strings.ContainsFunc(name, bad) {
		return protocol.Errorf(protocol.Invalid, "name %.100q: want 1 to %d letters, digits, spaces, dashes or underscores", name, maxName)
	}
	return nil
}

func (n note) path() string { return folder + n.Name + suffix }

// line ends text with one newline.
func line(text string) string { return strings.TrimRight(text, "\n") + "\n" }

func write(ctx context.Context, c *sdk.Call) (sdk.Result, error) {
	n, err := bind(c)
	if err != nil {
		return sdk.Result{}, err
	}
	text := line(n.Text)
	if err := checkSize(n.Name, len(text)); err != nil {
		return sdk.Result{}, err
	}
	if err := c.WriteFile(ctx, n.path(), []byte(text)); err != nil {
		return sdk.Result{}, err
	}
	return sdk.Textf("Wrote note %q, %d bytes.", n.Name, len(text)), nil
}

func checkSize(name string, size int) error {
	if size > maxNote {
		return protocol.Errorf(protocol.Limit, "note %q would have %d bytes, the limit is %d; split it", name, size, maxNote)
	}
	return nil
}

func appendTo(ctx context.Context, c *sdk.Call) (sdk.Result, error) {
	n, err := bind(c)
	if err != nil {
		return sdk.Result{}, err
	}
	// The owner edits notes too: the last line may not be ended.
	old, err := c.ReadFile(ctx, n.path())
	if err != nil && protocol.CodeOf(err) != protocol.NotFound {
		return sdk.Result{}, err
	}
	text := line(n.Text)
	if len(old) > 0 && old[len(old)-1] != '\n' {
		text = "\n" + text
	}
	if err := checkSize(n.Name, len(old)+len(text)); err != nil {
		return sdk.Result{}, err
	}
	if err := c.AppendFile(ctx, n.path(), []byte(text)); err != nil {
		return sdk.Result{}, err
	}
	return sdk.Textf("Added to note %q, now %d bytes.", n.Name, len(old)+len(text)), nil
}

func read(ctx context.Context, c *sdk.Call) (sdk.Result, error) {
	n, err := bind(c)
	if err != nil {
		return sdk.Result{}, err
	}
	text, err := c.ReadFile(ctx, n.path())
	if protocol.CodeOf(err) == protocol.NotFound && err != nil {
		return sdk.Result{}, protocol.Errorf(protocol.NotFound, "there is no note %q; list shows those there are", n.Name)
	}
	if err != nil {
		return sdk.Result{}, err
	}
	if len(text) > maxNote {
		return sdk.Textf("%s\n(cut: the note has %d bytes, at most %d are shown)", strings.ToValidUTF8(string(text[:maxNote]), ""), len(text), maxNote), nil
	}
	return sdk.Text(string(text)), nil
}

func remove(ctx context.Context, c *sdk.Call) (sdk.Result, error) {
	n, err := bind(c)
	if err != nil {
		return sdk.Result{}, err
	}
	switch err := c.DeleteFile(ctx, n.path()); {
	case err != nil && protocol.CodeOf(err) == protocol.NotFound:
		return sdk.Textf("There is no note %q.", n.Name), nil
	case err != nil:
		return sdk.Result{}, err
	}
	return sdk.Textf("Deleted note %q.", n.Name), nil
}

// all lists the notes, the newest first; none is no error.
func all(ctx context.Context, h *sdk.Host) ([]sdk.Entry, error) {
	entries, err := h.ListFolder(ctx, folder)
	if err != nil && protocol.CodeOf(err) == protocol.NotFound {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	entries = slices.DeleteFunc(entries, func(e sdk.Entry) bool {
		return e.Dir || !strings.HasSuffix(e.Name, suffix) || checkName(strings.TrimSuffix(e.Name, suffix)) != nil
	})
	slices.SortFunc(entries, func(a, b sdk.Entry) int {
		if c := b.Modified.Compare(a.Modified); c != 0 {
			return c
		}
		return strings.Compare(a.Name, b.Name)
	})
	return entries, nil
}

const noNotes = "There are no notes yet."

func list(ctx context.Context, c *sdk.Call) (sdk.Result, error) {
	if err := c.Bind(&struct{}{}); err != nil {
		return sdk.Result{}, err
	}
	entries, err := all(ctx, c.Host)
	if err != nil {
		return sdk.Result{}, err
	}
	if len(entries) == 0 {
		return sdk.Text(noNotes), nil
	}
	var b strings.Builder
	for i, e := range entries {
		if i == 500 {
			fmt.Fprintf(&b, "and %d older ones\n", len(entries)-i)
			break
		}
		fmt.Fprintf(&b, "%s (%d bytes, changed %s)\n", strings.TrimSuffix(e.Name, suffix), e.Size, e.Modified.Format("2006-01-02 15:04"))
	}
	return sdk.Text(b.String()), nil
}
