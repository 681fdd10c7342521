// Package api reads what Moltbook's servers answer. There are two generations of
// them, documented loosely, and anybody can write most of what they say: so a
// member that is missing or of another type counts as empty, and only an answer
// that is no JSON object is an error. Start at [Parse].
package api

import (
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// MaxBytes caps an answer.
const MaxBytes = 1 << 20

// Doc is one answer, or an object within one.
type Doc map[string]json.RawMessage

// Parse reads an answer.
func Parse(b []byte) (Doc, error) {
	if len(b) > MaxBytes {
		return nil, errors.New("the answer is larger than 1 MiB")
	}
	var d Doc
	if err := json.Unmarshal(b, &d); err != nil || d == nil {
		return nil, errors.New("the answer is not a JSON object")
	}
	return d, nil
}

// Get finds the first of several members; newer servers may wrap all of them in
// "data".
func (d Doc) Get(names ...string) json.RawMessage {
	for _, name := range names {
		if v, ok := d[name]; ok && string(v) != "null" {
			return v
		}
	}
	var inner Doc
	if json.Unmarshal(d["data"], &inner) == nil {
		for _, name := range names {
			if v, ok := inner[name]; ok && string(v) != "null" {
				return v
			}
		}
	}
	return nil
}

// In is the object under one of the names, empty if there is none.
func (d Doc) In(names ...string) Doc {
	var inner Doc
	_ = json.Unmarshal(d.Get(names...), &inner) // then it is empty
	return inner
}

// List is the list of objects under one of the names, or under "data" itself.
// What is no object is left out.
func (d Doc) List(names ...string) []Doc {
	var raw []json.RawMessage
	if json.Unmarshal(d.Get(names...), &raw) != nil || raw == nil {
		_ = json.Unmarshal(d["data"], &raw) // then there is no list
	}
	var out []Doc
	for _, r := range raw {
		var item Doc
		if json.Unmarshal(r, &item) == nil && item != nil {
			out = append(out, item)
		}
	}
	return out
}

// Text is a member as text: a string, or a number or truth value in words.
func (d Doc) Text(names ...string) string {
	raw := d.Get(names...)
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return strings.ToValidUTF8(s, "\uFFFD")
	}
	var n json.Number
	if json.Unmarshal(raw, &n) == nil {
		return n.String()
	}
	var b bool
	if json.Unmarshal(raw, &b) == nil && len(raw) > 0 {
		return strconv.FormatBool(b)
	}
	return ""
}

// Name is a member that is a name, or an object that has one.
func (d Doc) Name(names ...string) string {
	if s := d.Text(names...); s != "" {
		return s
	}
	return d.In(names...).Text("name")
}

// Int is a member as a number, 0 if it is none.
func (d Doc) Int(names ...string) int64 {
	f, err := strconv.ParseFloat(d.Text(names...), 64)
	if err != nil || f != f || f > 1<<53 || f < -1<<53 {
		return 0
	}
	return int64(f)
}

// True reports whether a member is true.
func (d Doc) True(names ...string) bool { return d.Text(names...) == "true" }

// Time is a member as a point in time, zero if it is none.
func (d Doc) Time(names ...string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, d.Text(names...))
	if err != nil {
		return time.Time{}
	}
	return t
}

// ID is a member that names something of the server's; "" if it could not be
// sent back in a path as it stands.
func (d Doc) ID(names ...string) string {
	if s := d.Text(names...); IsID(s) {
		return s
	}
	return ""
}

// IsID tells what is fit to be one segment of a path.
func IsID(s string) bool {
	return s != "" && len(s) <= 128 && utf8.ValidString(s) && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == ""
}
