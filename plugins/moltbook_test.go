package plugins_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ambithost/ambit/examples/commons/server"
	"github.com/ambithost/ambit/plugins"
	"github.com/ambithost/ambit/sdk"
	"github.com/ambithost/ambit/sdk/plugintest"
)

// clock is the time of server and plugins in one test.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// molty is one agent: the plugin in a cell, and a world with its own store and key.
type molty struct {
	t     *testing.T
	cell  inCell
	world *plugintest.World
	clock *clock
	// passing is the time that goes by before each call, so that limits stay out
	// of tests that are not about them.
	passing time.Duration
}

// use calls a tool.
func (m *molty) use(tool, args string) (string, bool) {
	m.t.Helper()
	m.clock.pass(m.passing)
	m.world.Now = m.clock.Now()
	var a map[string]any
	if err := json.Unmarshal([]byte(args), &a); err != nil {
		m.t.Fatal(err)
	}
	return plugintest.CallTool(m.t, m.cell, m.world.Effect, tool, a)
}

// does expects a result that holds all of the words.
func (m *molty) does(tool, args string, words ...string) string {
	m.t.Helper()
	return m.said(false, tool, args, words...)
}

// fails expects an error that holds all of the words.
func (m *molty) fails(tool, args string, words ...string) string {
	m.t.Helper()
	return m.said(true, tool, args, words...)
}

func (m *molty) said(isError bool, tool, args string, words ...string) string {
	m.t.Helper()
	text, failed := m.use(tool, args)
	for _, w := range words {
		if !strings.Contains(text, w) {
			m.t.Errorf("%s %s: %q is not in %q", tool, args, w, text)
		}
	}
	if failed != isError {
		m.t.Errorf("%s %s: error %v: %s", tool, args, failed, text)
	}
	return text
}

// network starts the plugin in cells against a server on the loopback.
func network(t *testing.T, h http.Handler, c *clock, config map[string]string) func() *molty {
	t.Helper()
	if len(plugins.List()) == 0 {
		t.Skip(plugins.ErrNotBuilt)
	}
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	dir := t.TempDir()
	spec, _ := specOf(t, dir, "moltbook")
	spec.Config = map[string]string{"base_url": srv.URL}
	for k, v := range config {
		spec.Config[k] = v
	}
	driver := newDriver(t, dir)
	if _, err := driver.Inspect(t.Context(), spec); err != nil {
		t.Fatal(err)
	}
	return func() *molty {
		m := &molty{t: t, cell: inCell{start(t, driver, spec)}, world: new(plugintest.World), clock: c, passing: 3 * time.Hour}
		m.world.HTTP = func(r plugintest.HTTPRequest) plugintest.HTTPResponse { return carryOnce(t, m.world, r) }
		return m
	}
}

// carryOnce sends a request over the network with the captured key in its place,
// and follows nothing.
func carryOnce(t *testing.T, w *plugintest.World, r plugintest.HTTPRequest) plugintest.HTTPResponse {
	req, err := http.NewRequestWithContext(t.Context(), r.Method, r.URL, strings.NewReader(string(r.Body)))
	if err != nil {
		t.Error(err)
		return plugintest.HTTPResponse{Status: 500}
	}
	for name, values := range r.Header {
		req.Header[http.CanonicalHeaderKey(name)] = values
	}
	for _, s := range r.Secrets {
		key, _ := w.Secret(s.Name)
		req.Header.Set(s.As, s.Prefix+key)
	}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(req)
	if err != nil {
		return plugintest.HTTPResponse{Status: 502}
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(io.LimitReader(resp.Body, 4<<20)) // an endless one is cut by a host too
	return plugintest.HTTPResponse{Status: resp.StatusCode, Header: sdk.Header(resp.Header), Body: body}
}

func newCommons(t *testing.T, g server.Generation, c *clock) *server.Server {
	t.Helper()
	s, err := server.New(server.Config{Generation: g, Now: c.Now})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func noon() *clock { return &clock{now: time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)} }

var idForm = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f-]{27}`)

// TestMoltbookLife takes two agents through every tool, on both generations.
func TestMoltbookLife(t *testing.T) {
	for _, g := range []server.Generation{server.OSS, server.Live} {
		t.Run(string(g), func(t *testing.T) {
			c := noon()
			s := newCommons(t, g, c)
			join := network(t, s, c, map[string]string{"limits": string(g)})
			ada, bob := join(), join()
			for name, m := range map[string]*molty{"ada": ada, "bob": bob} {
				text := m.does("register", `{"source":"moltbook","name":"`+name+`","description":"I am `+name+`"}`, "Registered as "+name, "/claim/moltbook_claim_", "Verification code")
				if key, ok := m.world.Secret("MOLTBOOK_API_KEY"); !ok || !strings.HasPrefix(key, "moltbook_") || strings.Contains(text, key[9:20]) {
					t.Errorf("the key is not kept, or in %q", text)
				}
				m.does("status", `{"source":"moltbook"}`, "not claimed", "/claim/moltbook_claim_")
				if g == server.Live {
					m.fails("post", `{"place":"general","title":"t","text":"x"}`, "denied", "not claimed")
				}
				s.Claim(name)
				m.does("status", `{"source":"moltbook"}`, "is claimed")
				m.passing = 25 * time.Hour // beyond the first day, once
				m.does("me", `{"source":"moltbook"}`, "agent "+name, "I am "+name)
				m.passing = 3 * time.Hour
			}
			bob.fails("register", `{"source":"moltbook","name":"bob","description":"again"}`)
			ada.does("update_profile", `{"source":"moltbook","description":"I read."}`, "changed")
			bob.does("profile", `{"source":"moltbook","name":"ada"}`, "I read.")
			bob.fails("profile", `{"source":"moltbook","name":"nobody"}`, "not_found", "Agent not found")
			bob.does("follow", `{"source":"moltbook","name":"ada"}`, "Now following ada")
			posted := publishes(t, s, g, ada, bob)
			places(t, s, g, ada, bob)
			reads(t, g, ada, bob, posted)
			if g == server.OSS {
				for tool, args := range map[string]string{
					"home": `{"source":"moltbook"}`, "notifications": `{"source":"moltbook"}`, "mark_read": `{"source":"moltbook"}`, "messages": `{"source":"moltbook"}`,
					"conversation": `{"source":"moltbook","name":"bob"}`, "request_conversation": `{"recipients":["bob"],"text":"shall we talk?"}`,
					"message": `{"recipients":["bob"],"text":"hello"}`, "answer_request": `{"who":"bob","agree":true}`,
				} {
					ada.fails(tool, args, "not_found", "first generation")
				}
				ada.fails("verify", `{"code":"x1","answer":"1.00"}`, "no challenges at all")
			} else {
				talks(t, ada, bob, posted)
			}
			ada.does("delete", `{"post":"`+posted+`"}`, "Deleted")
			bob.fails("read", `{"source":"moltbook","post":"`+posted+`"}`, "not_found", "Post not found")
			bob.fails("comment", `{"place":"general","post":"`+posted+`","text":"too late"}`, "Post not found")
			bob.does("follow", `{"source":"moltbook","name":"ada","undo":true}`, "no longer following ada")
		})
	}
}

// proves answers the challenge in a result as an agent would that can read it.
func proves(t *testing.T, s *server.Server, m *molty, text string) {
	t.Helper()
	code := regexp.MustCompile(`moltbook_verify_[0-9a-f]+`).FindString(text)
	answer, ok := s.Solution(code)
	if !ok || !strings.Contains(text, "  | ") {
		t.Fatalf("there is no challenge in %q", text)
	}
	m.passing = 0
	m.does("verify", `{"code":"`+code+`","answer":"`+answer+`"}`, "is right")
	m.fails("verify", `{"code":"`+code+`","answer":"`+answer+`"}`, "already used")
	m.passing = 3 * time.Hour
}

// publishes has ada post and bob comment, and returns the post.
func publishes(t *testing.T, s *server.Server, g server.Generation, ada, bob *molty) string {
	t.Helper()
	text := ada.does("post", `{"place":"general","title":"Tides","text":"High at nine.\nLow at three."}`, "Sent: post ")
	id := idForm.FindString(text)
	if g == server.Live {
		bob.passing = 0
		bob.fails("read", `{"source":"moltbook","post":"`+id+`"}`, "not_found") // it is hidden
		bob.passing = 3 * time.Hour
		proves(t, s, ada, text)
	}
	ada.does("post", `{"place":"general","title":"A chart","text":"","url":"https://charts.example/1"}`, "Sent: post ")
	ada.fails("post", `{"place":"nowhere","title":"t","text":"x"}`, "Submolt not found")
	ada.fails("post", `{"place":"general","title":"t","text":"x","url":"https://charts.example/"}`, "invalid")
	bob.does("read", `{"source":"moltbook","post":"`+id+`"}`, "by ada in general", "  | High at nine.\n  | Low at three.")
	bob.fails("comment", `{"place":"elsewhere","post":"`+id+`","text":"x"}`, `is in "general"`, "nothing was sent")
	text = bob.does("comment", `{"place":"general","post":"`+id+`","text":"Thanks!"}`, "Sent: comment ")
	first := idForm.FindString(text)
	if g == server.Live {
		proves(t, s, bob, text)
	}
	text = ada.does("comment", `{"place":"general","post":"`+id+`","parent":"`+first+`","text":"Any time."}`, "Sent: comment ")
	if g == server.Live {
		proves(t, s, ada, text)
	}
	bob.does("read", `{"source":"moltbook","post":"`+id+`"}`, "Thanks!", "answering "+first, "Any time.")
	bob.does("vote", `{"post":"`+id+`"}`, "Voted")
	bob.does("vote", `{"post":"`+id+`"}`, "taken back")
	bob.does("vote", `{"post":"`+id+`","down":true}`, "Voted")
	ada.fails("vote", `{"post":"`+id+`"}`, "invalid", "own content")
	ada.does("vote", `{"comment":"`+first+`"}`, "Voted")
	ada.fails("vote", `{"comment":"`+first+`","down":true}`, "only be voted up")
	ada.fails("vote", `{}`, "give post or comment")
	ada.fails("delete", `{"comment":"`+first+`"}`, "denied", "your own")
	bob.fails("delete", `{"post":"`+id+`"}`, "denied", "your own")
	bob.does("delete", `{"comment":"`+first+`"}`, "Deleted")
	return id
}

func places(t *testing.T, s *server.Server, g server.Generation, ada, bob *molty) {
	t.Helper()
	ada.passing = 0
	text := ada.does("create_submolt", `{"place":"sea","display_name":"The Sea","text":"Water."}`, "Sent: submolt sea")
	if g == server.Live {
		proves(t, s, ada, text)
	}
	ada.passing = 3 * time.Hour
	ada.fails("create_submolt", `{"place":"sea","display_name":"Again","text":""}`, "invalid", "409", "already taken")
	bob.does("submolts", `{"source":"moltbook"}`, "submolt general", "submolt sea", "The Sea")
	bob.does("submolts", `{"source":"moltbook","name":"sea"}`, "Water.")
	bob.fails("submolts", `{"source":"moltbook","name":"../x"}`, "invalid")
	bob.does("subscribe", `{"source":"moltbook","name":"sea"}`, "subscribed to sea")
	bob.does("subscribe", `{"source":"moltbook","name":"sea","undo":true}`, "no longer")
}

func reads(t *testing.T, g server.Generation, ada, bob *molty, id string) {
	t.Helper()
	if g == server.Live { // the second post's challenge was not answered
		bob.does("posts", `{"source":"moltbook"}`, id)
	} else {
		text := bob.does("posts", `{"source":"moltbook","limit":1}`, "A chart", "more: ")
		more := regexp.MustCompile(`more: (\S+)`).FindStringSubmatch(text)[1]
		bob.does("posts", `{"source":"moltbook","limit":1,"page":"`+more+`"}`, id)
	}
	if g == server.Live {
		text := ada.does("posts", `{"source":"moltbook","limit":1}`, "A chart", "more: ")
		more := regexp.MustCompile(`more: (\S+)`).FindStringSubmatch(text)[1]
		ada.does("posts", `{"source":"moltbook","limit":1,"page":"`+more+`"}`, id)
	}
	bob.does("posts", `{"source":"moltbook","submolt":"sea"}`, "No posts.")
	bob.does("feed", `{"source":"moltbook","following":true}`, id)
	bob.does("search", `{"source":"moltbook","query":"tides"}`, id)
	bob.does("search", `{"source":"moltbook","query":"zzz"}`, "Nothing found.")
}

// talks is what only live servers have.
func talks(t *testing.T, ada, bob *molty, id string) {
	t.Helper()
	ada.does("home", `{"source":"moltbook"}`, "account ada", "on your post "+id)
	ada.does("notifications", `{"source":"moltbook"}`, "comment from bob", "unread")
	ada.does("mark_read", `{"source":"moltbook","post":"`+id+`"}`, "Marked")
	ada.does("mark_read", `{"source":"moltbook"}`, "Marked")
	ada.does("home", `{"source":"moltbook"}`, "0 unread notifications")
	bob.fails("message", `{"recipients":["ada"],"text":"hello"}`, "not_found", "there is none with")
	bob.does("request_conversation", `{"recipients":["ada"],"text":"Shall we compare charts?"}`, "Asked ada")
	bob.fails("request_conversation", `{"recipients":["ada"],"text":"Shall we compare charts?"}`, "409")
	ada.does("messages", `{"source":"moltbook"}`, "1 requests wait", "request from bob", "  | Shall we compare charts?")
	ada.fails("answer_request", `{"who":"carol","agree":true}`, "there is none with")
	ada.does("answer_request", `{"who":"bob","agree":true}`, "Agreed")
	ada.does("message", `{"recipients":["bob"],"text":"Gladly.","needs_human":true}`, "Sent to bob")
	bob.does("messages", `{"source":"moltbook"}`, "1 unread", "conversation with ada")
	bob.does("conversation", `{"source":"moltbook","name":"ada"}`, "ada, ", "asks for the human", "  | Gladly.")
	bob.does("messages", `{"source":"moltbook"}`, "0 unread")
}
