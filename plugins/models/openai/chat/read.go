package chat

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"strings"

	"github.com/ambithost/ambit/sdk/protocol"
)

const maxBody = 16 << 20 // bytes of one answer

// Read takes in an answer of either form: some servers answer JSON although a
// stream was asked for.
func (a *Answer) Read(body io.Reader) error {
	limited := &io.LimitedReader{R: body, N: maxBody + 1}
	r := bufio.NewReader(limited)
	var err error
	if isJSON(r) {
		err = a.readWhole(r)
	} else {
		err = a.readStream(r)
	}
	if limited.N <= 0 {
		return protocol.Errorf(protocol.Limit, "the server's answer is larger than %d bytes", maxBody)
	}
	return err
}

// isJSON tells an object from an event stream, whose lines begin with the name
// of a field or a colon.
func isJSON(r *bufio.Reader) bool {
	for {
		b, err := r.Peek(1)
		if err != nil {
			return false
		}
		switch b[0] {
		case ' ', '\t', '\r', '\n':
			_, _ = r.Discard(1) // it was peeked at
		default:
			return b[0] == '{'
		}
	}
}

func (a *Answer) readWhole(r io.Reader) error {
	b, err := io.ReadAll(r)
	if err != nil {
		return cutOff(err)
	}
	var c chunk
	if err := json.Unmarshal(b, &c); err != nil {
		return protocol.Errorf(protocol.Failed, "the server's answer can't be read: %v", err)
	}
	if err := a.add(c); err != nil {
		return err
	}
	if len(c.Choices) == 0 {
		return protocol.Errorf(protocol.Failed, "the server's answer holds no choice; is base_url right, and does it speak Chat Completions?")
	}
	a.complete = true
	return nil
}

func (a *Answer) readStream(r io.Reader) error {
	events := newEvents(r)
	for {
		data, err := events.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return cutOff(err)
		}
		if strings.TrimSpace(data) == "[DONE]" {
			a.complete = true
			return nil
		}
		var c chunk
		if err := json.Unmarshal([]byte(data), &c); err != nil {
			if strings.HasPrefix(strings.TrimSpace(data), "{") {
				return protocol.Errorf(protocol.Failed, "the server's stream can't be read: %v", err)
			}
			continue // a ping of some proxy
		}
		if err := a.add(c); err != nil {
			return err
		}
	}
}

// cutOff keeps the code of an effect that failed; what has none is not about
// the network, and asking again would not help.
func cutOff(err error) error {
	if _, ok := errors.AsType[*protocol.Error](err); ok {
		return err
	}
	return protocol.Errorf(protocol.Failed, "the server's answer can't be read: %v", err)
}
