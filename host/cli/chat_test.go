package cli

import (
	"bufio"
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ambithost/ambit/host/control"
)

// screen is stdout and stderr as a terminal mixes them, and lets a test wait
// for what is shown.
type screen struct {
	mu    sync.Mutex
	buf   bytes.Buffer
	shown *sync.Cond
}

func newScreen() *screen {
	s := &screen{}
	s.shown = sync.NewCond(&s.mu)
	return s
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shown.Broadcast()
	return s.buf.Write(p)
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buf.String()
}

func (s *screen) await(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for !strings.Contains(s.buf.String(), text) {
		s.shown.Wait()
	}
}

// person is an app at a terminal, with a keyboard.
func person(t *testing.T) (c *conversation, keys io.WriteCloser, s *screen) {
	t.Helper()
	dir, err := os.MkdirTemp("", "ambit")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	home := filepath.Join(dir, "home")
	stop, err := serveMemory(home)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	r, w := io.Pipe()
	s = newScreen()
	a := &app{in: bufio.NewReader(r), out: s, err: s, inTTY: true, now: time.Now, home: home, client: control.NewClient(home)}
	t.Cleanup(a.close)
	t.Cleanup(func() { _ = w.Close() })
	return a.conversation(control.ChatRequest{Session: "main"}), w, s
}

func TestChatAsksInBetween(t *testing.T) {
	t.Parallel()
	for typed, want := range map[string]string{"y\n": "Bought.", "\n": "Not bought.", "sure\n": "Not bought."} {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			c, keys, s := person(t)
			ended := make(chan error, 1)
			go func() { ended <- c.loop() }()
			s.await("> ")
			_, _ = io.WriteString(keys, "charge\n")
			s.await("Approve, once? [y/N] ")
			_, _ = io.WriteString(keys, typed)
			s.await(want)
			_ = keys.Close()
			if err := <-ended; err != nil {
				t.Error(err)
			}
			if !strings.Contains(s.String(), "12.00 USD at Book Depot") {
				t.Errorf("the question does not say what it is about:\n%s", s)
			}
		})
	}
}

func TestStopInterrupts(t *testing.T) {
	t.Parallel()
	c, keys, s := person(t)
	ended := make(chan error, 1)
	go func() { ended <- c.loop() }()
	s.await("> ")
	_, _ = io.WriteString(keys, "wait\n")
	s.await("thinking")
	_, _ = io.WriteString(keys, "stop\n")
	s.await("the turn ended: interrupted")
	_, _ = io.WriteString(keys, "killed\n")
	s.await("everything is stopped") // reported, and the conversation goes on
	_, _ = io.WriteString(keys, "/quit\n")
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// TestCtrlC sends real signals, so it runs alone.
func TestCtrlC(t *testing.T) {
	c, _, s := person(t)
	self, err := os.FindProcess(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- c.one("wait") }()
	s.await("thinking")
	if err := self.Signal(os.Interrupt); err != nil {
		t.Skip(err)
	}
	if err := <-ended; err == nil || !strings.Contains(s.String(), "the turn ended: interrupted") {
		t.Errorf("ended with %v\n%s", err, s)
	}

	c, _, s = person(t)
	go func() { ended <- c.one("charge") }() // does not heed an interrupt
	s.await("Approve")
	for _, shown := range []string{"interrupting", "the turn goes on in the host"} {
		if err := self.Signal(os.Interrupt); err != nil {
			t.Fatal(err)
		}
		s.await(shown)
	}
	if err := <-ended; err == nil {
		t.Error("leaving a turn counts as done")
	}
}
