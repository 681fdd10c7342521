package control

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/ambithost/ambit/host/audit"
	"github.com/ambithost/ambit/sdk/protocol"
)

func TestChat(t *testing.T) {
	t.Parallel()
	c, _ := serve(t, &partial{chat: func(_ context.Context, req ChatRequest, emit func(ChatEvent) error) error {
		for _, e := range []ChatEvent{
			{Type: ChatTurn, Turn: "t1"},
			{Type: ChatText, Text: "two\nlines and \u2028 one more"},
			{Type: ChatDone, Text: req.Text},
		} {
			if err := emit(e); err != nil {
				return err
			}
		}
		return nil
	}})
	var got []string
	err := c.Chat(t.Context(), ChatRequest{Text: "hello"}, func(e ChatEvent) error {
		got = append(got, string(e.Type)+"="+e.Text)
		return nil
	})
	if want := "turn= text=two\nlines and \u2028 one more done=hello"; err != nil || strings.Join(got, " ") != want {
		t.Errorf("got %q, %v; want %q", strings.Join(got, " "), err, want)
	}
}

func TestChatErrors(t *testing.T) {
	t.Parallel()
	boom := protocol.Errorf(protocol.Unavailable, "no model")
	for _, tc := range []struct {
		name string
		chat func(context.Context, ChatRequest, func(ChatEvent) error) error
		code protocol.Code
	}{
		{"before anything", func(context.Context, ChatRequest, func(ChatEvent) error) error { return boom }, protocol.Unavailable},
		{"later", func(_ context.Context, _ ChatRequest, emit func(ChatEvent) error) error {
			return errors.Join(emit(ChatEvent{Type: ChatTurn}), boom)
		}, protocol.Unavailable},
		{"as an event", func(_ context.Context, _ ChatRequest, emit func(ChatEvent) error) error {
			return emit(ChatEvent{Type: ChatError, Error: &Error{Code: protocol.Killed, Message: "killed"}})
		}, protocol.Killed},
		{"without an end", func(_ context.Context, _ ChatRequest, emit func(ChatEvent) error) error {
			return emit(ChatEvent{Type: ChatTurn})
		}, protocol.Unavailable},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			c, _ := serve(t, &partial{chat: tc.chat})
			err := c.Chat(t.Context(), ChatRequest{Text: "x"}, func(ChatEvent) error { return nil })
			if err == nil || protocol.CodeOf(err) != tc.code {
				t.Errorf("got %v, want %s", err, tc.code)
			}
		})
	}
}

func TestTurnOutlivesItsClient(t *testing.T) {
	t.Parallel()
	gone, finished := make(chan struct{}), make(chan error, 1)
	c, _ := serve(t, &partial{chat: func(ctx context.Context, _ ChatRequest, emit func(ChatEvent) error) error {
		if err := emit(ChatEvent{Type: ChatTurn}); err != nil {
			return err
		}
		<-gone
		for emit(ChatEvent{Type: ChatText, Text: "x"}) == nil { // until the server notices
		}
		finished <- ctx.Err()
		return nil
	}})
	ctx, cancel := context.WithCancel(t.Context())
	err := c.Chat(ctx, ChatRequest{Text: "x"}, func(ChatEvent) error { cancel(); return nil })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	close(gone)
	if err := <-finished; err != nil {
		t.Errorf("the turn's context ended with its client: %v", err)
	}
}

// TestSlowClient: a client that does not read must not hold up a turn, and is
// told what it missed when it reads again.
func TestSlowClient(t *testing.T) {
	t.Parallel()
	dropped := make(chan error, 1)
	c, _ := serve(t, &partial{chat: func(_ context.Context, _ ChatRequest, emit func(ChatEvent) error) error {
		text := strings.Repeat("x", 1<<10)
		for range 1 << 20 { // a gigabyte: more than any buffer on the way
			if err := emit(ChatEvent{Type: ChatText, Text: text}); err != nil {
				dropped <- err
				return nil
			}
		}
		dropped <- nil
		return nil
	}})
	path, err := SocketPath(c.home)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	body := `{"text":"x"}`
	fmt.Fprintf(conn, "POST /v1/chat HTTP/1.1\r\nHost: ambit\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	if err := <-dropped; !errors.Is(err, errDropped) {
		t.Fatalf("emit ended with %v, want %v", err, errDropped)
	}
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var last event
	r := bufio.NewReader(res.Body)
	for {
		e, err := readEvent(r)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		last = e
	}
	if last.name != "dropped" || !strings.Contains(string(last.data), `"code":"limit"`) {
		t.Errorf("the last event is %s %s, want dropped", last.name, last.data)
	}
}

func TestFollowGoesAtTheClientsPace(t *testing.T) {
	t.Parallel()
	const n = 5 * maxQueued
	c, stop := serve(t, &partial{follow: func(ctx context.Context, q AuditQuery, emit func(AuditEntry) error) error {
		for i := q.From; i < n; i++ {
			if err := emit(AuditEntry{i, audit.Record{Actor: "owner"}}); err != nil {
				return err
			}
		}
		<-ctx.Done()
		return nil
	}})
	next := int64(7)
	err := c.FollowAudit(t.Context(), AuditQuery{From: next}, func(e AuditEntry) error {
		if e.Index != next {
			return fmt.Errorf("entry %d after %d", e.Index, next-1)
		}
		if next++; next == n {
			go func() { _ = stop() }() // and the host says goodbye
		}
		return nil
	})
	if next != n || protocol.CodeOf(err) != protocol.Unavailable || !strings.Contains(err.Error(), "stops") {
		t.Errorf("%d entries, then %v; want %d, then that the host stops", next, err, int64(n))
	}
}

func TestFollowEndsWithItsClient(t *testing.T) {
	t.Parallel()
	ended := make(chan struct{})
	c, _ := serve(t, &partial{follow: func(ctx context.Context, _ AuditQuery, emit func(AuditEntry) error) error {
		defer close(ended)
		if err := emit(AuditEntry{}); err != nil {
			return err
		}
		<-ctx.Done()
		return nil
	}})
	ctx, cancel := context.WithCancel(t.Context())
	if err := c.FollowAudit(ctx, AuditQuery{}, func(AuditEntry) error { cancel(); return nil }); err != nil {
		t.Error(err)
	}
	<-ended
}

func TestFollowContinues(t *testing.T) {
	t.Parallel()
	from := make(chan int64, 1)
	c, _ := serve(t, &partial{follow: func(_ context.Context, q AuditQuery, _ func(AuditEntry) error) error {
		from <- q.From
		return nil
	}})
	res, err := c.send(t.Context(), "GET", []string{"audit", "follow"}, nil, nil, http.Header{"Last-Event-Id": {"41"}})
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if got := <-from; got != 42 {
		t.Errorf("continued at %d, want 42", got)
	}
}

func TestStopWaitsForTurns(t *testing.T) {
	t.Parallel()
	began, ended := make(chan struct{}), false
	c, stop := serve(t, &partial{chat: func(ctx context.Context, _ ChatRequest, _ func(ChatEvent) error) error {
		close(began)
		<-ctx.Done()
		ended = true
		return ctx.Err()
	}})
	go func() { _ = c.Chat(context.Background(), ChatRequest{Text: "x"}, func(ChatEvent) error { return nil }) }()
	<-began
	if err := stop(); err != nil || !ended {
		t.Errorf("Serve returned %v, turn ended: %v", err, ended)
	}
}

func TestShutdown(t *testing.T) {
	t.Parallel()
	ended := make(chan error, 1)
	c, stop := serve(t, &partial{follow: func(ctx context.Context, _ AuditQuery, _ func(AuditEntry) error) error {
		<-ctx.Done()
		return nil
	}})
	go func() {
		ended <- c.FollowAudit(context.Background(), AuditQuery{}, func(AuditEntry) error { return nil })
	}()
	if err := c.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err == nil {
		t.Error("a stream outlived the server")
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
}

func FuzzReadEvent(f *testing.F) {
	f.Add("id: 1\nevent: text\ndata: {}\n\n: c\n\ndata: a\ndata: b\r\n\r\n")
	f.Fuzz(func(t *testing.T, s string) {
		r := bufio.NewReader(strings.NewReader(s))
		for {
			e, err := readEvent(r)
			if err != nil {
				return
			}
			if strings.ContainsAny(e.name+e.id, "\n") {
				t.Errorf("a field with a line break: %+v", e)
			}
		}
	})
}

func FuzzAuditQuery(f *testing.F) {
	f.Add("intent", "owner", "deny", int64(3), 2, 5)
	f.Fuzz(func(t *testing.T, kind, actor, verdict string, from int64, last, limit int) {
		in := AuditQuery{Kind: kind, Actor: actor, Verdict: verdict, From: from, Last: last, Limit: limit}
		out, err := parseAuditQuery(in.values())
		if err != nil {
			return
		}
		if in.Limit == 0 {
			in.Limit = defaultPage
		}
		if in != out {
			t.Errorf("%+v came back as %+v", in, out)
		}
	})
}
