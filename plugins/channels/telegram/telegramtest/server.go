// Package telegramtest is a server that behaves as the Bot API of Telegram is
// documented to (core.telegram.org/bots/api), for one bot, on loopback: start
// at [New]. A test writes to the bot as a person would ([Server.Write],
// [Server.Photo], [Server.Press]) and reads what the bot did ([Server.Messages]).
//
// What matters for losing and repeating nothing is as in the original: an
// update stays until a later getUpdates passes an offset above its id, and is
// given out again until then; a second poller ends the first one's wait with
// 409, a webhook ends all; calls answer 429 with retry_after when told to; a
// message can be taken and its answer lost. Texts are held to their limits and
// entities to UTF-16.
//
// It does not know groups, albums, rate limits of its own, or any method that
// the plugin does not use.
package telegramtest

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// User is a person with a private chat, whose id is the person's.
type User struct {
	ID       int64  `json:"id"`
	Name     string `json:"first_name"`
	Username string `json:"username,omitempty"`
}

// Server is the Bot API. Its methods may be used by several goroutines.
type Server struct {
	URL   string
	Token string
	// Now gives messages their time; nil is time.Now. Set it before use.
	Now func() time.Time

	srv  *httptest.Server
	done chan struct{} // ends long polls when the server closes
	once sync.Once

	mu       sync.Mutex
	bot      int64
	updates  []json.RawMessage
	ids      []int64 // of updates
	nextID   int64   // of an update
	lastMsg  int64
	poller   context.CancelCauseFunc // of the getUpdates that waits
	wake     chan struct{}           // closed and made anew for each update
	webhook  string
	users    map[int64]User
	blocked  map[int64]bool
	messages []Message
	actions  []string
	answered map[string]string // callback queries
	open     map[string]bool
	queries  int64
	files    map[string][]byte
	sizes    map[string]int64
	faults   []*fault
	calls    map[string]int
}

// New starts a server with one bot. It ends with the test.
func New(t testing.TB) *Server {
	t.Helper()
	s := &Server{ //nolint:gosec // nobody's token
		Token: "700000001:AAF-test_0123456789abcdefghijklmnopq", bot: 700000001, nextID: 424200001, done: make(chan struct{}),
		wake: make(chan struct{}), users: map[int64]User{}, blocked: map[int64]bool{}, answered: map[string]string{}, open: map[string]bool{},
		files: map[string][]byte{}, sizes: map[string]int64{}, calls: map[string]int{},
	}
	s.srv = httptest.NewServer(http.HandlerFunc(s.serve))
	s.URL = s.srv.URL
	t.Cleanup(s.Close)
	return s
}

// Close ends the server and every wait.
func (s *Server) Close() {
	s.once.Do(func() {
		close(s.done)
		s.srv.CloseClientConnections()
		s.srv.Close()
	})
}

func (s *Server) now() time.Time {
	if s.Now != nil {
		return s.Now()
	}
	return time.Now()
}

// answer is what every method gives back.
type answer struct {
	OK          bool        `json:"ok"`
	Result      any         `json:"result,omitempty"`
	Code        int         `json:"error_code,omitempty"`
	Description string      `json:"description,omitempty"`
	Parameters  *parameters `json:"parameters,omitempty"`
}

type parameters struct {
	RetryAfter int `json:"retry_after"`
}

func no(code int, description string) answer {
	return answer{Code: code, Description: description}
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	if rest, ok := strings.CutPrefix(r.URL.Path, "/file/bot"+s.token()+"/"); ok {
		s.download(w, rest)
		return
	}
	method, ok := strings.CutPrefix(r.URL.Path, "/bot"+s.token()+"/")
	if !ok {
		write(w, no(401, "Unauthorized"))
		return
	}
	var args arguments
	if err := args.read(r); err != nil {
		write(w, no(400, "Bad Request: "+err.Error()))
		return
	}
	f := s.begin(method)
	if f != nil && f.retryAfter > 0 {
		a := no(429, "Too Many Requests: retry after "+itoa(f.retryAfter))
		a.Parameters = &parameters{f.retryAfter}
		write(w, a)
		return
	}
	if f != nil && f.status != 0 {
		write(w, no(f.status, f.says))
		return
	}
	a := s.method(r.Context(), method, args)
	if f != nil && f.drop {
		panic(http.ErrAbortHandler) // taken, and never answered
	}
	write(w, a)
}

func (s *Server) method(ctx context.Context, name string, args arguments) answer {
	if name == "getUpdates" {
		return s.getUpdates(ctx, args)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch name {
	case "getMe":
		return answer{OK: true, Result: map[string]any{"id": s.bot, "is_bot": true, "first_name": "Test", "username": "test_bot"}}
	case "sendMessage", "editMessageText":
		return s.sendMessage(name, args)
	case "sendChatAction":
		return s.chatAction(args)
	case "answerCallbackQuery":
		if !s.open[args.Query] {
			return no(400, "Bad Request: query is too old and response timeout expired or query ID is invalid")
		}
		delete(s.open, args.Query)
		s.answered[args.Query] = args.Text
		return answer{OK: true, Result: true}
	case "getFile":
		return s.getFile(args)
	case "setWebhook":
		s.setWebhook(args.URL)
		return answer{OK: true, Result: true}
	case "deleteWebhook":
		s.webhook = ""
		return answer{OK: true, Result: true}
	}
	return no(404, "Not Found")
}

func write(w http.ResponseWriter, a answer) {
	status := http.StatusOK
	if !a.OK {
		status = a.Code
	}
	body, err := json.Marshal(a)
	if err != nil {
		panic(err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(body) // who is gone does not read
}
