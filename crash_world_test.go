package main_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ambithost/ambit/examples/commons/server"
	"github.com/ambithost/ambit/host/agent"
	"github.com/ambithost/ambit/host/audit"
	"github.com/ambithost/ambit/host/control"
	"github.com/ambithost/ambit/host/store"
	"github.com/ambithost/ambit/plugins"
	"github.com/ambithost/ambit/plugins/channels/telegram/telegramtest"
)

// TestCrashInTheWorld kills a host with SIGKILL at random moments, also while it
// starts, while its owner keeps writing over Telegram and has it post on a social
// network: what a person sees and what the network counts must be right in the
// end. AMBIT_WORLD_ROUNDS sets how often it is killed; 6 if unset.
func TestCrashInTheWorld(t *testing.T) {
	t.Parallel()
	if len(plugins.List()) == 0 {
		t.Skip("the first-party plugins are not built: make plugins")
	}
	rounds := 6
	if s := os.Getenv("AMBIT_WORLD_ROUNDS"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil {
			t.Fatal(err)
		}
		rounds = n
	}
	w := newWorld(t)
	writing, stop := context.WithCancel(t.Context())
	var writer sync.WaitGroup
	writer.Go(func() { w.write(writing) })
	defer writer.Wait()
	defer stop()
	for round := range rounds {
		if rand.IntN(4) > 0 { // once it is at work; else perhaps before
			w.heardOf()
		}
		time.Sleep(time.Duration(rand.IntN(600)) * time.Millisecond)
		w.host.kill(t)
		if round%3 == 2 { // and once more before it is ready
			w.host = spawnHost(t, w.home)
			time.Sleep(time.Duration(rand.IntN(400)) * time.Millisecond)
			w.host.kill(t)
		}
		w.host = startHost(t, w.home)
		w.checkShown()
	}
	stop()
	writer.Wait()
	w.finish()
	w.checkLog()
	w.host.kill(t)
	w.checkState()
	t.Logf("%d rounds: %d messages, each heard once; %d posts, each made once; %d unknown in the log, %d of which the owner was told so; %d answers marked as perhaps sent twice",
		rounds, w.messages, len(w.network.posts), w.unknown, w.told, w.twice)
}

// world is an owner on Telegram, a social network that counts, and a host.
type world struct {
	*telegram
	network  *counted
	messages int // written by Ann so far: p0 to p(n-1)
	unknown  int // posts whose outcome the log calls unknown
	told     int // and those of which the owner was told so
	twice    int // answers that were said to come twice, perhaps
}

// counted is commons behind a clerk who notes which posts were made.
type counted struct {
	*httptest.Server
	mu    sync.Mutex
	posts map[string]int    // by title
	ids   map[string]string // of posts, by title
}

func newCounted(t *testing.T) (*counted, *server.Server) {
	t.Helper()
	commons, err := server.New(server.Config{Limits: &server.Limits{}})
	if err != nil {
		t.Fatal(err)
	}
	c := &counted{posts: map[string]int{}, ids: map[string]string{}}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost || r.URL.Path != "/api/v1/posts" {
			commons.ServeHTTP(w, r)
			return
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // cut off before it was sent whole: nothing was asked
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		answer := httptest.NewRecorder()
		commons.ServeHTTP(answer, r)
		var asked struct{ Title string }
		var made struct{ Post struct{ ID string } }
		if json.Unmarshal(body, &asked) == nil && json.Unmarshal(answer.Body.Bytes(), &made) == nil && answer.Code == http.StatusCreated {
			c.mu.Lock()
			c.posts[asked.Title]++
			c.ids[asked.Title] = made.Post.ID
			c.mu.Unlock()
		}
		time.Sleep(time.Duration(rand.IntN(60)) * time.Millisecond) // a moment in which it is done, and nobody knows
		w.WriteHeader(answer.Code)
		_, _ = w.Write(answer.Body.Bytes())
	}))
	t.Cleanup(c.CloseClientConnections)
	t.Cleanup(c.Close)
	return c, commons
}

func newWorld(t *testing.T) *world {
	t.Helper()
	home := filepath.Join(t.TempDir(), "home")
	if err := os.MkdirAll(home, 0o700); err != nil {
		t.Fatal(err)
	}
	// Each message gets a turn of its own, so that each has an answer to count.
	if err := os.WriteFile(filepath.Join(home, "ambit.yaml"), []byte("queue: follow-up\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	network, commons := newCounted(t)
	m := &telegram{Server: telegramtest.New(t), t: t, home: home}
	m.host = startHost(t, home)
	installAll(t, m.host.client, "rehearsal")
	install(t, m.host.client, control.PreviewRequest{Name: "moltbook", Config: map[string]string{"base_url": network.URL, "limits": "oss", "faster": "1000000"}})
	if _, err := m.host.client.Call(t.Context(), control.CallRequest{Tool: "moltbook/register", Args: []byte(`{"source":"moltbook","name":"ann_agent","description":"posts"}`)}); err != nil {
		t.Fatal(err)
	}
	if !commons.Claim("ann_agent") {
		t.Fatal("the account is not there")
	}
	m.pairTelegram()
	return &world{telegram: m, network: network}
}

// write has Ann ask for one post after the other, whether the host is there or
// not, unless too many wait: what a slow machine can't do must not pile up.
func (w *world) write(ctx context.Context) {
	const most = 12
	for ctx.Err() == nil {
		if w.messages-w.answers() < most {
			w.Write(ann, w.wish(w.messages))
			w.messages++
		}
		time.Sleep(time.Duration(rand.IntN(700)) * time.Millisecond)
	}
}

// answers is about how many messages have one, or were given up for having been
// cut off too often.
func (w *world) answers() (n int) {
	for _, m := range w.Messages() {
		if strings.Contains(m.Text, "The tool answered") || strings.Contains(m.Text, "is not taken up again") {
			n++
		}
	}
	return n
}

// heardOf waits until the network or Ann hears of the agent: a slow machine would
// otherwise only ever be killed before it has begun.
func (w *world) heardOf() {
	count := func() int {
		w.network.mu.Lock()
		defer w.network.mu.Unlock()
		return len(w.network.posts) + w.answers()
	}
	before := count()
	for range 1000 { // and if it does not, the checks will tell
		if count() > before {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func (w *world) wish(n int) string {
	return fmt.Sprintf(`use moltbook/post {"place":"general","title":"p%d","text":"the text of p%d"}`, n, n)
}

// finish waits for the answer to a last message, which comes after all others.
func (w *world) finish() {
	w.t.Helper()
	last := fmt.Sprintf("p%d", w.messages)
	w.Write(ann, w.wish(w.messages))
	w.messages++
	for range 6000 { // only a hang gets to the end
		w.network.mu.Lock()
		id := w.network.ids[last]
		w.network.mu.Unlock()
		for _, m := range w.Messages() {
			if id != "" && strings.Contains(m.Text, id) {
				return
			}
		}
		time.Sleep(50 * time.Millisecond)
	}
	said := w.Messages()
	w.t.Fatalf("the last message was not answered; sent were last: %+v", said[max(0, len(said)-5):])
}

// checkShown: what the host found cut off when it started is in its status.
func (w *world) checkShown() {
	w.t.Helper()
	page, err := w.host.client.AuditEntries(w.t.Context(), control.AuditQuery{Last: 500})
	if err != nil {
		w.t.Fatal(err)
	}
	cutOff, started := false, false
	for _, e := range slices.Backward(page.Entries) {
		if started = e.Kind == audit.Start; started {
			break
		}
		cutOff = cutOff || e.Kind == audit.Outcome && e.Status == "unknown" && e.Detail == "the host ended before the outcome was recorded"
	}
	st, err := w.host.client.Status(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	shown := slices.ContainsFunc(st.Notices, func(n control.Notice) bool { return strings.Contains(n.Message, "is unknown") })
	if !started || cutOff != shown {
		w.t.Errorf("effects were cut off: %v (the start was found: %v); the status shows it: %v", cutOff, started, shown)
	}
}

// checkLog holds the audit log to itself: it verifies, nothing in it is open, and
// what was cut off is called unknown.
func (w *world) checkLog() {
	w.t.Helper()
	v, err := w.host.client.VerifyAudit(w.t.Context(), control.VerifyRequest{})
	if err != nil || !v.OK {
		w.t.Fatalf("the audit log: %+v, %v", v, err)
	}
	if n := w.Waiting(); n > 1 {
		w.t.Errorf("%d updates are not confirmed", n)
	}
	intents, outcomes := map[string]string{}, map[string][]string{}
	for next := int64(0); ; {
		page, err := w.host.client.AuditEntries(w.t.Context(), control.AuditQuery{From: next, Limit: 1000, Capability: "social.post"})
		if err != nil {
			w.t.Fatal(err)
		}
		for _, e := range page.Entries {
			switch e.Kind {
			case audit.Intent:
				intents[e.Effect] = e.Resource
			case audit.Outcome:
				outcomes[e.Effect] = append(outcomes[e.Effect], e.Status)
			}
		}
		if page.Next <= next {
			break
		}
		next = page.Next
	}
	for effect := range intents {
		if len(outcomes[effect]) != 1 {
			w.t.Errorf("the intent %s has the outcomes %q", effect, outcomes[effect])
			continue
		}
		if outcomes[effect][0] == "unknown" {
			w.unknown++
		}
	}
	made := 0
	for title, n := range w.network.posts {
		if made += n; n != 1 {
			w.t.Errorf("%s was posted %d times", title, n)
		}
	}
	if len(intents) < made {
		w.t.Errorf("%d posts, and %d intents", made, len(intents))
	}
}

// checkState holds what the agent did for each message to what its owner and the
// network saw.
func (w *world) checkState() {
	w.t.Helper()
	state, err := store.Open(w.t.Context(), filepath.Join(w.home, "state.db"))
	if err != nil {
		w.t.Fatal(err)
	}
	defer state.Close()
	sessions, err := state.Sessions(w.t.Context(), "main")
	if err != nil || len(sessions) != 1 {
		w.t.Fatalf("sessions %+v, %v", sessions, err)
	}
	entries, err := state.Entries(w.t.Context(), sessions[0].ID, 0, 0)
	if err != nil {
		w.t.Fatal(err)
	}
	if waiting, err := state.Waiting(w.t.Context(), "main"); err != nil || len(waiting) > 0 {
		w.t.Errorf("messages that wait: %+v, %v", waiting, err)
	}
	w.checkAnswers(entries)
	w.checkHeard(entries)
}

// checkHeard: the agent heard each message once, and each post that it speaks of
// as done was made, each that was not is spoken of.
func (w *world) checkHeard(entries []agent.Entry) {
	w.t.Helper()
	heard := map[string]int{}
	turn := map[string]string{} // message by turn
	notices := map[string]string{}
	result := map[string][]string{}
	last := ""
	for _, e := range entries {
		switch {
		case e.Kind == agent.FromOwner:
			last = e.Message.Text
			heard[last]++
			turn[e.Turn] = last
		case turn[e.Turn] == "": // one that takes up what a crash cut off
			turn[e.Turn] = last
		}
		if e.Kind == agent.FromHost {
			notices[turn[e.Turn]] += e.Message.Text
		}
		if e.Kind == agent.FromTool {
			result[turn[e.Turn]] = append(result[turn[e.Turn]], e.Message.Result.Text)
		}
	}
	for n := range w.messages {
		text, title := w.wish(n), fmt.Sprintf("p%d", n)
		if heard[text] != 1 {
			w.t.Errorf("the agent heard %s %d times", title, heard[text])
		}
		said := strings.Join(result[text], "\n")
		posted, unsure := w.network.posts[title] == 1, strings.Contains(said, "is unknown")
		undone := strings.Contains(said, "was not made") || strings.Contains(notices[text], "tried 3 times")
		done := posted && strings.Contains(said, w.network.ids[title])
		if !posted && !unsure && !undone || posted && !unsure && !done || len(result[text]) > 1 {
			w.t.Errorf("%s: posted %v; the agent was told %q, the owner %q", title, posted, result[text], notices[text])
		}
		if unsure && !strings.Contains(notices[text], "is unknown: moltbook/post") {
			w.t.Errorf("%s: the owner was not told that its outcome is unknown: %q", title, notices[text])
		}
		if unsure {
			w.told++
		}
	}
}

// checkAnswers: whatever was said to the owner arrived, and what may have arrived
// twice says so.
func (w *world) checkAnswers(entries []agent.Entry) {
	w.t.Helper()
	const again = "(This may reach you twice: sending it was cut off.)\n\n"
	want, first, second := map[string]int{}, map[string]int{}, map[string]int{}
	for _, e := range entries {
		if e.Message.Text != "" && (e.Kind == agent.FromAgent || e.Kind == agent.FromHost) {
			want[strings.TrimSpace(e.Message.Text)]++
		}
	}
	for _, m := range w.Messages() {
		if text, repeated := strings.CutPrefix(m.Text, again); repeated {
			second[strings.TrimSpace(text)]++
			w.twice++
		} else {
			first[strings.TrimSpace(m.Text)]++
		}
	}
	for text, n := range want {
		if first[text]+second[text] < n || first[text] > n {
			w.t.Errorf("said %d times, arrived %d times and %d times marked as perhaps a second time: %q", n, first[text], second[text], text)
		}
	}
}
