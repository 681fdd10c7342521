package control

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/ambithost/ambit/sdk/protocol"
)

// StreamEnd is the data of an event that ends a stream before its time:
// "error" (the host could not go on), "dropped" (the client read too slowly),
// "closing" (the host stops).
type StreamEnd struct {
	Type  string `json:"type"`
	Error *Error `json:"error"`
}

// produce runs f, and turns a panic of it into an error of the stream.
func (x *exchange) produce(o *outbox, f func() error) {
	defer func() {
		if v := recover(); v != nil {
			x.log.Error("defect in a stream", "path", x.r.URL.Path, "panic", v, "stack", string(debug.Stack()))
			o.finish(defect())
		}
	}()
	o.finish(f())
}

// send writes what the outbox gets until the producer is done or the client is
// gone. With eager the stream begins at once; without, an error that comes
// before any event is returned, to be an ordinary answer.
func (x *exchange) send(o *outbox, eager bool) error {
	defer o.leave()
	s := &sseWriter{w: x.w, rc: http.NewResponseController(x.w)}
	if eager {
		s.comment("ambit")
	}
	tick := time.NewTicker(keepAlive)
	defer tick.Stop()
	for s.err == nil {
		select {
		case <-o.more:
		case <-tick.C:
			if s.begun {
				s.comment("still here")
			}
			continue
		case <-x.r.Context().Done():
			if x.life.stop.Err() != nil {
				s.end(&StreamEnd{"closing", &Error{Code: protocol.Unavailable, Message: "the host stops"}})
			}
			return nil
		}
		batch, last, end, err := o.take()
		if last && err != nil && len(batch) == 0 && !s.begun {
			return err
		}
		for _, e := range batch {
			s.event(e)
		}
		if last {
			s.end(end)
			return nil
		}
	}
	return nil
}

// sseWriter writes the event stream format of the HTML standard. After the
// first failure it writes nothing.
type sseWriter struct {
	w     http.ResponseWriter
	rc    *http.ResponseController
	begun bool
	err   error
}

func (s *sseWriter) event(e event) {
	var b bytes.Buffer
	if e.id != "" {
		fmt.Fprintf(&b, "id: %s\n", e.id)
	}
	// JSON of encoding/json has no line breaks, so one data line is enough.
	fmt.Fprintf(&b, "event: %s\ndata: %s\n\n", e.name, e.data)
	s.write(b.Bytes())
}

func (s *sseWriter) end(e *StreamEnd) {
	if e == nil {
		return
	}
	data, err := json.Marshal(e)
	if err == nil {
		s.event(event{name: e.Type, data: data})
	}
}

func (s *sseWriter) comment(text string) { s.write([]byte(": " + text + "\n\n")) }

func (s *sseWriter) write(b []byte) {
	if s.err != nil {
		return
	}
	if !s.begun {
		s.begun = true
		h := s.w.Header()
		h.Set("Content-Type", "text/event-stream")
		h.Set("Cache-Control", "no-store")
		h.Set("X-Content-Type-Options", "nosniff")
	}
	_ = s.rc.SetWriteDeadline(time.Now().Add(writeTimeout))
	if _, s.err = s.w.Write(b); s.err == nil {
		s.err = s.rc.Flush()
	}
}
