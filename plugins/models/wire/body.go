package wire

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"

	"github.com/ambithost/ambit/sdk/protocol"
)

const (
	maxBody  = 16 << 20 // bytes of one answer
	maxEvent = 4 << 20  // bytes of one event's data, and of one line
)

// Body reads the body of an answer: whole, or as server-sent events, or as one
// JSON value after the other.
type Body struct {
	limited *io.LimitedReader
	r       *bufio.Reader
	skip    bool // a line feed that belongs to the carriage return before it
	begun   bool
	values  *json.Decoder // once there was a Value
}

// NewBody reads from r.
func NewBody(r io.Reader) *Body {
	limited := &io.LimitedReader{R: r, N: maxBody + 1}
	return &Body{limited: limited, r: bufio.NewReader(limited)}
}

// First is the first byte that is no space, 0 at the end. It tells a JSON
// object or list from an event stream, whose lines begin with the name of a
// field or a colon: some servers answer JSON although a stream was asked for.
func (b *Body) First() byte {
	for {
		next, err := b.r.Peek(1)
		if err != nil {
			return 0
		}
		switch next[0] {
		case ' ', '\t', '\r', '\n':
			_, _ = b.r.Discard(1) // it was peeked at
		default:
			return next[0]
		}
	}
}

// JSON reads all that is left into v.
func (b *Body) JSON(v any) error {
	text, err := io.ReadAll(b.r)
	if err != nil || b.limited.N <= 0 {
		return b.failed(err)
	}
	return decode(text, v)
}

// Event reads the next server-sent event that has data into v, as the HTML
// standard's "Interpreting an event stream" says, except that an event the
// stream ends in counts: servers leave out the last empty line. Comments, event
// names, ids and retries carry nothing for these protocols. Data that is no
// JSON object is passed over, as pings of proxies are, but for "[DONE]", which
// is [ErrDone]. The end is [io.EOF].
func (b *Body) Event(v any) error {
	for {
		data, err := b.event()
		if err != nil && data == "" {
			return b.failed(err)
		}
		switch text := strings.TrimSpace(data); {
		case text == "[DONE]":
			return ErrDone
		case err != nil && !json.Valid([]byte(text)):
			return b.failed(err) // broken off within it
		case strings.HasPrefix(text, "{"):
			return decode([]byte(text), v)
		}
	}
}

// ErrDone is the error of [Body.Event] when the server said that it is done.
var ErrDone = errors.New("the server is done")

// Each reads an answer with next, which is [Body.Event] or [Body.Value], and
// hands each piece to add, until the answer ends or add returns [ErrDone]. done
// reports whether anyone said that it is complete.
func Each[T any](next func(any) error, add func(T) error) (done bool, err error) {
	for {
		var piece T
		err := next(&piece)
		if err == nil {
			err = add(piece)
		}
		switch {
		case errors.Is(err, ErrDone):
			return true, nil
		case errors.Is(err, io.EOF):
			return false, nil
		case err != nil:
			return false, err
		}
	}
}

// Value reads the next JSON value into v: of an answer in one piece the only
// one, of newline-delimited JSON one a line. The end is [io.EOF], also that of
// a body that ends within a value.
func (b *Body) Value(v any) error {
	if b.values == nil {
		b.values = json.NewDecoder(b.r)
	}
	err := b.values.Decode(v)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, io.ErrUnexpectedEOF):
		err = io.EOF
	}
	return b.failed(err)
}

// failed keeps the code of an effect that failed; what has none is not about
// the network, and asking again would not help.
func (b *Body) failed(err error) error {
	if b.limited.N <= 0 {
		return protocol.Errorf(protocol.Limit, "the server's answer is larger than %d bytes", maxBody)
	}
	if _, ok := errors.AsType[*protocol.Error](err); ok || errors.Is(err, io.EOF) {
		return err
	}
	return protocol.Errorf(protocol.Failed, "the server's answer can't be read: %v", err)
}

func decode(text []byte, v any) error {
	if err := json.Unmarshal(text, v); err != nil {
		return protocol.Errorf(protocol.Failed, "the server's answer can't be read: %v", err)
	}
	return nil
}

// event returns the data of the next event that has any; with [io.EOF] of one
// that the stream ended in.
func (b *Body) event() (string, error) {
	var data strings.Builder
	has := false
	for {
		line, err := b.line()
		if err != nil && !(errors.Is(err, io.EOF) && (len(line) > 0 || has)) {
			return "", err
		}
		if !b.begun {
			line, b.begun = bytes.TrimPrefix(line, []byte("\ufeff")), true
		}
		if value, ok := field(line, "data"); ok {
			if has {
				data.WriteByte('\n')
			}
			data.Write(value)
			has = true
		}
		if data.Len() > maxEvent {
			return "", protocol.Errorf(protocol.Limit, "the server sent an event of more than %d bytes", maxEvent)
		}
		if has && (len(line) == 0 || err != nil) {
			return data.String(), err
		}
	}
}

// field returns a line's value if the line is of that field.
func field(line []byte, name string) ([]byte, bool) {
	before, value, _ := bytes.Cut(line, []byte(":"))
	if string(before) != name {
		return nil, false
	}
	return bytes.TrimPrefix(value, []byte(" ")), true
}

// line reads up to a line feed, a carriage return, or both, without them. With
// an error it returns what came before it.
func (b *Body) line() ([]byte, error) {
	var line []byte
	for {
		c, err := b.r.ReadByte()
		if err != nil {
			return line, err
		}
		skip := b.skip && c == '\n'
		b.skip = false
		switch {
		case skip:
		case c == '\n':
			return line, nil
		case c == '\r':
			b.skip = true
			return line, nil
		case len(line) == maxEvent:
			return nil, protocol.Errorf(protocol.Limit, "the server sent a line of more than %d bytes", maxEvent)
		default:
			line = append(line, c)
		}
	}
}
