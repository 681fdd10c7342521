package chat

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strings"

	"github.com/ambithost/ambit/sdk/protocol"
)

// maxEvent is the size of one event's data, in bytes.
const maxEvent = 4 << 20

// events reads server-sent events, as the HTML standard's "Interpreting an
// event stream" says, except that an event the stream ends in counts: servers
// leave out the last empty line.
type events struct {
	r     *bufio.Reader
	skip  bool // a line feed that belongs to the carriage return before it
	begun bool
}

func newEvents(r io.Reader) *events { return &events{r: bufio.NewReader(r)} }

// next returns the data of the next event that has any. Comments, event names,
// ids and retries carry nothing for this protocol. The end is [io.EOF].
func (e *events) next() (string, error) {
	var data strings.Builder
	has := false
	for {
		line, err := e.line()
		if err != nil && !(errors.Is(err, io.EOF) && (len(line) > 0 || has)) {
			return "", err
		}
		if !e.begun {
			line, e.begun = bytes.TrimPrefix(line, []byte("\ufeff")), true
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
			return data.String(), nil
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
func (e *events) line() ([]byte, error) {
	var line []byte
	for {
		b, err := e.r.ReadByte()
		if err != nil {
			return line, err
		}
		skip := e.skip && b == '\n'
		e.skip = false
		switch {
		case skip:
		case b == '\n':
			return line, nil
		case b == '\r':
			e.skip = true
			return line, nil
		case len(line) == maxEvent:
			return nil, protocol.Errorf(protocol.Limit, "the server sent a line of more than %d bytes", maxEvent)
		default:
			line = append(line, b)
		}
	}
}
