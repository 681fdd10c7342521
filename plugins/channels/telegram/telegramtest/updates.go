package telegramtest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

// arguments is the union of what the methods take, in a query or in JSON.
type arguments struct {
	Offset   int64           `json:"offset"`
	Limit    int             `json:"limit"`
	Timeout  int             `json:"timeout"`
	Allowed  []string        `json:"allowed_updates"`
	Chat     int64           `json:"chat_id"`
	Message  int64           `json:"message_id"`
	Text     string          `json:"text"`
	Entities []Entity        `json:"entities"`
	Markup   *Keyboard       `json:"reply_markup"`
	Preview  json.RawMessage `json:"link_preview_options"`
	Action   string          `json:"action"`
	Query    string          `json:"callback_query_id"`
	File     string          `json:"file_id"`
	URL      string          `json:"url"`
}

func (a *arguments) read(r *http.Request) error {
	q := r.URL.Query()
	fields := map[string]json.RawMessage{}
	for name := range q {
		v := q.Get(name)
		if name == "file_id" || name == "text" || !json.Valid([]byte(v)) {
			b, err := json.Marshal(v)
			if err != nil {
				return err
			}
			v = string(b)
		}
		fields[name] = json.RawMessage(v)
	}
	if b, err := json.Marshal(fields); err != nil || json.Unmarshal(b, a) != nil {
		return errors.New("can't parse the query")
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil || len(body) == 0 {
		return err
	}
	if err := json.Unmarshal(body, a); err != nil {
		return errors.New("can't parse JSON object")
	}
	return nil
}

var (
	errConflict = errors.New("another poller")
	errWebhook  = errors.New("a webhook")
)

// getUpdates confirms, waits, and gives out what is not confirmed. A wait is
// ended by another getUpdates, as in the original.
func (s *Server) getUpdates(ctx context.Context, args arguments) answer {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	s.mu.Lock()
	if s.poller != nil {
		s.poller(errConflict)
	}
	s.poller = cancel
	if args.Offset < 0 { // the last ones only
		args.Offset = s.nextID + args.Offset
	}
	for len(s.ids) > 0 && s.ids[0] < args.Offset {
		s.ids, s.updates = s.ids[1:], s.updates[1:]
	}
	s.mu.Unlock()
	var timeout <-chan time.Time
	if args.Timeout > 0 {
		timer := time.NewTimer(time.Duration(min(args.Timeout, 50)) * time.Second)
		defer timer.Stop()
		timeout = timer.C
	}
	for {
		s.mu.Lock()
		wake, hooked := s.wake, s.webhook != ""
		n := len(s.updates)
		if args.Limit <= 0 || args.Limit > 100 {
			args.Limit = 100
		}
		list := append([]json.RawMessage{}, s.updates[:min(n, args.Limit)]...)
		s.mu.Unlock()
		switch {
		case hooked || errors.Is(context.Cause(ctx), errWebhook):
			return no(409, "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first")
		case errors.Is(context.Cause(ctx), errConflict):
			return no(409, "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running")
		case n > 0 || timeout == nil:
			return answer{OK: true, Result: list}
		}
		select {
		case <-wake:
		case <-timeout:
			timeout = nil
		case <-s.done:
			timeout = nil
		case <-ctx.Done():
			if !errors.Is(context.Cause(ctx), errConflict) && !errors.Is(context.Cause(ctx), errWebhook) {
				return answer{OK: true, Result: list} // nobody reads it
			}
		}
	}
}

// add puts an update into the queue; s.mu is held.
func (s *Server) add(kind string, v any) {
	u, err := json.Marshal(map[string]any{"update_id": s.nextID, kind: v})
	if err != nil {
		panic(err)
	}
	s.updates, s.ids = append(s.updates, u), append(s.ids, s.nextID)
	s.nextID++
	close(s.wake)
	s.wake = make(chan struct{})
}

// Write has a person write to the bot.
func (s *Server) Write(from User, text string) int64 {
	return s.Message(from, map[string]any{"text": text})
}

// Message has a person send a message with the given fields of the Bot API's
// object Message besides those that every one has. It returns its id.
func (s *Server) Message(from User, fields map[string]any) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.users[from.ID] = from
	s.lastMsg++
	m := map[string]any{
		"message_id": s.lastMsg, "date": s.now().Unix(), "from": from,
		"chat": map[string]any{"id": from.ID, "type": "private", "first_name": from.Name},
	}
	for k, v := range fields {
		m[k] = v
	}
	s.add("message", m)
	return s.lastMsg
}

// Raw puts any update into the queue, as the server of another day might.
func (s *Server) Raw(kind string, v any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.add(kind, v)
}

// Photo has a person send a photo in two sizes, the second with the data.
func (s *Server) Photo(from User, caption string, data []byte) int64 {
	small, large := s.file("photos/small.jpg", []byte("small")), s.file("photos/file_1.jpg", data)
	return s.Message(from, map[string]any{"caption": caption, "photo": []map[string]any{
		{"file_id": small, "width": 90, "height": 90, "file_size": 5},
		{"file_id": large, "width": 1280, "height": 1280, "file_size": len(data)},
	}})
}

// Document has a person send a file.
func (s *Server) Document(from User, name, mediaType string, data []byte) int64 {
	id := s.file("documents/file_2", data)
	return s.Message(from, map[string]any{"document": map[string]any{"file_id": id, "file_name": name, "mime_type": mediaType, "file_size": len(data)}})
}

// file keeps data under a path and returns the file's id.
func (s *Server) file(path string, data []byte) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	path = fmt.Sprintf("%s.%d", path, len(s.files))
	s.files[path] = data
	return "id:" + path
}

func (s *Server) getFile(args arguments) answer {
	path := args.File[min(3, len(args.File)):]
	data, ok := s.files[path]
	switch {
	case !ok:
		return no(400, "Bad Request: invalid file_id")
	case len(data) > 20<<20:
		return no(400, "Bad Request: file is too big")
	}
	return answer{OK: true, Result: map[string]any{"file_id": args.File, "file_unique_id": "u", "file_size": len(data), "file_path": path}}
}

func (s *Server) download(w http.ResponseWriter, path string) {
	s.mu.Lock()
	data, ok := s.files[path]
	s.mu.Unlock()
	if !ok {
		write(w, no(404, "Not Found"))
		return
	}
	_, _ = w.Write(data) // who is gone does not read
}

// Press has a person press a button of a message, by its text.
func (s *Server) Press(from User, message int64, text string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range s.messages {
		if m.ID != message || m.Chat != from.ID || m.Keyboard == nil {
			continue
		}
		for _, row := range m.Keyboard.Rows {
			for _, b := range row {
				if b.Text == text {
					s.press(from, m.ID, b.Data)
					return nil
				}
			}
		}
	}
	return fmt.Errorf("message %d of %d has no button %q", message, from.ID, text)
}

// PressData sends a button's data of a person's own making.
func (s *Server) PressData(from User, message int64, data string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.press(from, message, data)
}

func (s *Server) press(from User, message int64, data string) {
	s.queries++
	id := "90" + strconv.FormatInt(s.queries, 10)
	s.open[id] = true
	s.add("callback_query", map[string]any{"id": id, "from": from, "data": data, "chat_instance": "1",
		"message": map[string]any{"message_id": message, "date": s.now().Unix(), "chat": map[string]any{"id": from.ID, "type": "private"}}})
}

// Waiting is how many updates are not confirmed.
func (s *Server) Waiting() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.updates)
}
