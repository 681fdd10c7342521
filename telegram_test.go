package main_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ambithost/ambit/host/agent"
	"github.com/ambithost/ambit/host/control"
	"github.com/ambithost/ambit/host/store"
	"github.com/ambithost/ambit/plugins"
	"github.com/ambithost/ambit/plugins/channels/telegram/telegramtest"
)

var (
	ann = telegramtest.User{ID: 111, Name: "Ann"}
	eve = telegramtest.User{ID: 666, Name: "Eve"}
)

// telegram is a host whose owner, Ann, is paired over a Telegram that behaves
// as documented.
type telegram struct {
	*telegramtest.Server
	t    *testing.T
	home string
	host *running
}

func newTelegram(t *testing.T) *telegram {
	t.Helper()
	if len(plugins.List()) == 0 {
		t.Skip("the first-party plugins are not built: make plugins")
	}
	m := &telegram{Server: telegramtest.New(t), t: t, home: filepath.Join(t.TempDir(), "home")}
	m.host = startHost(t, m.home)
	for _, name := range []string{"rehearsal", "playbank", "notes"} {
		installAll(t, m.host.client, name)
	}
	m.pairTelegram()
	return m
}

// pairTelegram installs the channel and lets Ann in as the owner.
func (m *telegram) pairTelegram() {
	t := m.t
	t.Helper()
	if err := m.host.client.SetSecret(t.Context(), "TELEGRAM_TOKEN", []byte(m.Token)); err != nil {
		t.Fatal(err)
	}
	install(t, m.host.client, control.PreviewRequest{Name: "telegram", Config: map[string]string{"base_url": m.URL}})
	m.Write(ann, "/start")
	letter := m.got(0, ann, "the code is ")
	_, rest, _ := strings.Cut(letter.Text, "the code is ")
	code, _, _ := strings.Cut(rest, ",")
	if _, err := m.host.client.Pair(t.Context(), control.PairRequest{Code: code, Role: "owner"}); err != nil {
		t.Fatal(err)
	}
}

// got waits for a message to somebody that holds all of the words, after the
// message with the given id.
func (m *telegram) got(after int64, to telegramtest.User, words ...string) telegramtest.Message {
	m.t.Helper()
	for range 6000 { // only a hang gets to the end
		for _, s := range m.Messages() {
			fits := s.ID > after && s.Chat == to.ID
			for _, w := range words {
				fits = fits && strings.Contains(s.Text, w)
			}
			if fits {
				return s
			}
		}
		time.Sleep(20 * time.Millisecond)
	}
	m.t.Fatalf("%s got no message after %d with %q; sent were: %+v", to.Name, after, words, m.Messages())
	return telegramtest.Message{}
}

// TestOwnerOverTelegram is a day's use: a note, a question with its buttons, a
// photo, a stranger, and the token in no place that a plugin or a log can show.
func TestOwnerOverTelegram(t *testing.T) {
	t.Parallel()
	m := newTelegram(t)
	id := m.Write(ann, "note buy milk")
	m.got(id, ann, "Added to note")

	id = m.Write(ann, fmt.Sprintf(buy, 900, "Book Depot"))
	q := m.got(id, ann, "Question 1", "Book Depot")
	if q.Keyboard == nil || !strings.Contains(strings.Join(q.Marked(), " "), "bold:Question 1") {
		t.Fatalf("the question has no buttons or no emphasis: %+v", q)
	}
	m.PressData(eve, q.ID, q.Keyboard.Rows[0][0].Data) // from another chat it counts for nothing
	if err := m.Press(ann, q.ID, "Approve"); err != nil {
		t.Fatal(err)
	}
	m.got(q.ID, ann, "Charged 9.00 USD")
	if settled := m.got(q.ID-1, ann, "Question 1", "Approved."); settled.ID != q.ID || settled.Keyboard != nil {
		t.Errorf("the end of the question does not take its place: %+v", settled)
	}
	if err := m.Press(ann, q.ID, "Approve"); err == nil {
		t.Error("the buttons are still there")
	}
	m.PressData(ann, q.ID, q.Keyboard.Rows[0][0].Data) // an old button
	m.got(q.ID, ann, "did not count")

	m.Photo(ann, "note see the photo", []byte("\xff\xd8 a photo"))
	m.kept("photo.jpg", "\xff\xd8 a photo")
	if _, busy := m.Answered(); busy != 0 {
		t.Errorf("%d buttons still show as busy", busy)
	}
	if len(m.Actions()) == 0 {
		t.Error("that the agent works was never shown")
	}
	m.noToken()
}

// kept waits until a file is in the agent's workspace.
func (m *telegram) kept(name, want string) {
	m.t.Helper()
	for range 6000 {
		found, err := filepath.Glob(filepath.Join(m.home, "agents", "main", "workspace", "received", "*"+name))
		if err != nil {
			m.t.Fatal(err)
		}
		for _, f := range found {
			if b, err := os.ReadFile(f); err == nil && string(b) == want {
				return
			}
		}
		time.Sleep(20 * time.Millisecond)
	}
	m.t.Fatalf("%s was not kept", name)
}

// noToken looks for the bot's token in all that the host has written but its
// store of secrets.
func (m *telegram) noToken() {
	m.t.Helper()
	if err := filepath.WalkDir(m.home, func(name string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(name)
		if err == nil && strings.Contains(string(b), m.Token[10:]) {
			m.t.Errorf("%s holds the token", name)
		}
		return err
	}); err != nil {
		m.t.Error(err)
	}
}

// TestTelegramCrash kills the host at random moments while Ann writes. The agent
// hears each of her messages, once.
func TestTelegramCrash(t *testing.T) {
	t.Parallel()
	m := newTelegram(t)
	rounds := 6
	for round := range rounds {
		for i := range 3 {
			m.Write(ann, fmt.Sprintf("note line %d.%d", round, i))
			time.Sleep(time.Duration(rand.IntN(400)) * time.Millisecond)
		}
		m.host.kill(t)
		m.host = startHost(t, m.home)
	}
	id := m.Write(ann, "note the end")
	m.got(id, ann, "Added to note")
	if m.Waiting() > 1 {
		t.Errorf("%d updates are not confirmed", m.Waiting())
	}
	heard := m.heard()
	for round := range rounds {
		for i := range 3 {
			line := fmt.Sprintf("line %d.%d", round, i)
			if n := strings.Count(heard, line); n != 1 {
				t.Errorf("the agent heard %q %d times", line, n)
			}
		}
	}
}

// heard ends the host and returns what its agent has heard from its owner.
func (m *telegram) heard() string {
	m.t.Helper()
	m.host.kill(m.t)
	state, err := store.Open(m.t.Context(), filepath.Join(m.home, "state.db"))
	if err != nil {
		m.t.Fatal(err)
	}
	defer state.Close()
	sessions, err := state.Sessions(m.t.Context(), "main")
	if err != nil {
		m.t.Fatal(err)
	}
	var all strings.Builder
	for _, s := range sessions {
		entries, err := state.Entries(m.t.Context(), s.ID, 0, 1000)
		if err != nil {
			m.t.Fatal(err)
		}
		for _, e := range entries {
			if e.Kind == agent.FromOwner {
				all.WriteString(e.Message.Text + "\n")
			}
		}
	}
	return all.String()
}

// TestTelegramBreaksOff: an answer that Telegram took, and whose confirmation
// was lost, is told from one that it did not take.
func TestTelegramBreaksOff(t *testing.T) {
	t.Parallel()
	m := newTelegram(t)
	m.Drop("sendMessage", 1)
	id := m.Write(ann, "note one")
	m.got(id, ann, "may reach you twice", "Added to note")
	m.Limit("sendMessage", 1, 2)
	id = m.Write(ann, "note two")
	said := m.got(id, ann, "Added to note")
	if strings.Contains(said.Text, "twice") {
		t.Errorf("a message that was refused was said to be sent: %q", said.Text)
	}
	time.Sleep(200 * time.Millisecond)
	n := 0
	for _, s := range m.Messages() {
		if s.ID > id && s.Chat == ann.ID && strings.Contains(s.Text, "Added to note") {
			n++
		}
	}
	if n != 1 {
		t.Errorf("the second answer came %d times", n)
	}
}

// TestTelegramTrouble: what keeps the channel from working stands in the status,
// with what to do, and goes away with its cause.
func TestTelegramTrouble(t *testing.T) {
	t.Parallel()
	m := newTelegram(t)
	m.SetWebhook("https://example.org/hook")
	m.trouble("deleteWebhook")
	m.SetWebhook("")
	m.trouble("")
	id := m.Write(ann, "note all is well")
	m.got(id, ann, "Added to note")
}

// trouble waits until the channel's trouble holds the words; "" waits for none.
func (m *telegram) trouble(words string) {
	m.t.Helper()
	last := ""
	for range 6000 {
		list, err := m.host.client.Channels(m.t.Context())
		if err != nil {
			m.t.Fatal(err)
		}
		for _, c := range list {
			if last = c.Trouble; c.Plugin == "telegram" && (words == "" && last == "" || words != "" && strings.Contains(last, words)) {
				return
			}
		}
		time.Sleep(20 * time.Millisecond)
	}
	m.t.Fatalf("the trouble is %q, want %q in it", last, words)
}
