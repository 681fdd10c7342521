package audit

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

const (
	maxEntry = 1<<16 - 1 // c2sp.org/tlog-tiles: a bundle gives an entry's length in 16 bits
	maxText  = 2048      // bytes of Detail and of Resource, which are cut
	maxField = 512       // bytes of any other field, which is refused: a cut id is another id
)

// ErrRecord is the error of a record that can't be logged as it is: a defect
// of the caller, not of the log.
var ErrRecord = errors.New("audit: record refused")

// prepare checks r and cuts its free texts.
func prepare(r *Record, now func() time.Time) error {
	if r.Kind == "" {
		return fmt.Errorf("%w: it has no kind", ErrRecord)
	}
	for _, f := range [...]struct{ name, value string }{
		{"kind", string(r.Kind)}, {"effect", r.Effect}, {"parent", r.Parent}, {"actor", r.Actor},
		{"plugin", r.Plugin}, {"digest", r.Digest}, {"capability", r.Capability}, {"agent", r.Agent},
		{"session", r.Session}, {"turn", r.Turn}, {"verdict", r.Verdict}, {"rule", r.Rule},
		{"revision", r.Revision}, {"grant", r.Grant}, {"approval", r.Approval}, {"status", r.Status},
		{"code", r.Code}, {"commitment", r.Commitment},
	} {
		if len(f.value) > maxField {
			return fmt.Errorf("%w: field %s has %d bytes, at most %d are allowed", ErrRecord, f.name, len(f.value), maxField)
		}
	}
	r.Detail, r.Resource = cut(r.Detail), cut(r.Resource)
	if r.Time.IsZero() {
		r.Time = now()
	}
	r.Time = r.Time.UTC().Round(0)
	return nil
}

// cut shortens a text to maxText bytes and says how much is missing.
func cut(s string) string {
	if len(s) <= maxText {
		return s
	}
	const room = len("… [1234567890 bytes cut]")
	n := maxText - room
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return fmt.Sprintf("%s… [%d bytes cut]", s[:n], len(s)-n)
}

// encodeRecord returns r as JSON after gap bytes of room for a frame header.
func encodeRecord(r *Record, gap int) ([]byte, error) {
	buf := bytes.NewBuffer(make([]byte, gap, 512))
	enc := json.NewEncoder(buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(r); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRecord, err)
	}
	b := buf.Bytes()
	b = b[:len(b)-1] // the encoder's newline
	if len(b)-gap > maxEntry {
		return nil, fmt.Errorf("%w: %d bytes as JSON, at most %d are allowed", ErrRecord, len(b)-gap, maxEntry)
	}
	return b, nil
}

// decodeRecord parses one entry.
func decodeRecord(entry []byte) (Record, error) {
	var r Record
	if err := json.Unmarshal(entry, &r); err != nil {
		return Record{}, fmt.Errorf("entry is not a record: %w", err)
	}
	if r.Kind == "" {
		return Record{}, errors.New("entry is not a record: it has no kind")
	}
	return r, nil
}

// oneLine makes a text safe to stand in a message.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, cut(s))
}
