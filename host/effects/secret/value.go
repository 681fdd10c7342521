package secret

import (
	"bytes"
	"fmt"
	"io"
	"regexp"
	"slices"

	"github.com/ambithost/ambit/sdk/protocol"
)

// Bounds of a secret, in bytes.
const (
	MinBytes = 8
	MaxBytes = 16 << 10
)

const redacted = "[redacted]"

var nameForm = regexp.MustCompile(`^[A-Z][A-Z0-9_]{0,63}$`)

// CheckName says what a secret's name must look like.
func CheckName(name string) error {
	if !nameForm.MatchString(name) {
		return protocol.Errorf(protocol.Invalid, "secret name %.80q: want a capital letter, then up to 63 capital letters, digits or underscores", name)
	}
	return nil
}

// Value is a secret in memory. It prints, formats and encodes as "[redacted]";
// only [Value.Reveal] gives the bytes. The zero Value is no secret.
type Value struct{ b []byte }

// NewValue wraps a copy of b. It refuses what is too short to be redacted or
// too long to be a credential.
func NewValue(b []byte) (Value, error) {
	switch {
	case len(b) < MinBytes:
		return Value{}, protocol.Errorf(protocol.Invalid, "a secret needs at least %d bytes, this one has %d: a shorter one can't be kept out of responses that echo it", MinBytes, len(b))
	case len(b) > MaxBytes:
		return Value{}, protocol.Errorf(protocol.Limit, "a secret has at most %d bytes, this one has %d", MaxBytes, len(b))
	case len(bytes.TrimSpace(b)) < MinBytes:
		return Value{}, protocol.Errorf(protocol.Invalid, "a secret needs at least %d bytes besides white space", MinBytes)
	}
	return Value{slices.Clone(b)}, nil
}

// Reveal returns a copy of the bytes.
func (v Value) Reveal() []byte { return slices.Clone(v.b) }

// Len is the length in bytes.
func (v Value) Len() int { return len(v.b) }

// String returns "[redacted]".
func (v Value) String() string { return redacted }

// GoString returns "[redacted]".
func (v Value) GoString() string { return redacted }

// Format writes "[redacted]" for every verb, %x and %#v included.
func (v Value) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, redacted) }

// MarshalJSON encodes "[redacted]".
func (v Value) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }

// MarshalText encodes "[redacted]".
func (v Value) MarshalText() ([]byte, error) { return []byte(redacted), nil }
