package control

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"

	"github.com/ambithost/ambit/sdk/protocol"
)

// maxEvent caps one line of an event stream, in bytes.
const maxEvent = protocol.MaxOutput * 2

// Chat implements [Chatter]. It returns nil after a [ChatDone] event and the
// turn's error after a [ChatError]; when ctx ends, the turn goes on without its
// listener.
func (c *Client) Chat(ctx context.Context, req ChatRequest, emit func(ChatEvent) error) error {
	ended := false
	err := c.stream(ctx, http.MethodPost, []string{"chat"}, nil, req, func(e event) error {
		var ev ChatEvent
		if err := json.Unmarshal(e.data, &ev); err != nil {
			return protocol.Errorf(protocol.Internal, "event %s: %v", e.name, err)
		}
		ended = ended || ev.Type == ChatDone || ev.Type == ChatError
		if err := emit(ev); err != nil {
			return err
		}
		if ev.Type == ChatError && ev.Error != nil {
			return ev.Error
		}
		return nil
	})
	if err == nil && !ended {
		return broken()
	}
	return err
}

// FollowAudit implements [AuditReader].
func (c *Client) FollowAudit(ctx context.Context, q AuditQuery, emit func(AuditEntry) error) error {
	err := c.stream(ctx, http.MethodGet, []string{"audit", "follow"}, q.values(), nil, func(e event) error {
		var entry AuditEntry
		if err := json.Unmarshal(e.data, &entry); err != nil {
			return protocol.Errorf(protocol.Internal, "event %s: %v", e.name, err)
		}
		return emit(entry)
	})
	switch {
	case ctx.Err() != nil:
		return nil
	case err == nil:
		return broken()
	}
	return err
}

func broken() error {
	return &Error{Code: protocol.Unavailable, Message: "the host ended the stream before its end", Hint: "whether it still runs: ambit status"}
}

// stream reads server-sent events until the stream or each's patience ends. An
// event that ends the stream before its time becomes its error.
func (c *Client) stream(ctx context.Context, method string, segments []string, query url.Values, in any, each func(event) error) error {
	res, err := c.send(ctx, method, segments, query, in, http.Header{"Accept": {"text/event-stream"}})
	if err != nil {
		return err
	}
	defer res.Body.Close()
	r := bufio.NewReaderSize(res.Body, 32<<10)
	for {
		e, err := readEvent(r)
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return c.lost(ctx, err)
		}
		switch e.name {
		case "dropped", "closing", "error":
			// A chat's own error event has the same fields and is the turn's.
			var end StreamEnd
			if json.Unmarshal(e.data, &end) == nil && end.Error != nil && e.id == "" {
				return end.Error
			}
		}
		if err := each(e); err != nil {
			return err
		}
	}
}

// readEvent reads one event as the HTML standard defines the format, comments
// left out.
func readEvent(r *bufio.Reader) (event, error) {
	var e event
	var data []byte
	for {
		line, err := readLine(r)
		if err != nil {
			return e, err
		}
		if len(line) == 0 {
			if e.name == "" && data == nil {
				continue
			}
			e.data = data
			return e, nil
		}
		field, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimPrefix(value, []byte(" "))
		switch string(field) {
		case "id":
			e.id = string(value)
		case "event":
			e.name = string(value)
		case "data":
			if data != nil {
				data = append(data, '\n')
			}
			data = append(data, value...)
			if len(data) > maxEvent {
				return e, protocol.Errorf(protocol.Limit, "an event has more than %d bytes", maxEvent)
			}
		}
	}
}

// readLine reads a line of at most maxEvent bytes, its end left out.
func readLine(r *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		part, err := r.ReadSlice('\n')
		line = append(line, part...)
		switch {
		case errors.Is(err, bufio.ErrBufferFull) && len(line) <= maxEvent:
			continue
		case errors.Is(err, bufio.ErrBufferFull):
			return nil, protocol.Errorf(protocol.Limit, "a line has more than %d bytes", maxEvent)
		case err != nil:
			return nil, err
		}
		return bytes.TrimRight(line, "\r\n"), nil
	}
}
