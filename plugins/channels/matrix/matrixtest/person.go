package matrixtest

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

const client = "/_matrix/client/v3"

// Person is a user of the home server. What it does must succeed, or the test
// ends.
type Person struct {
	ID, Token string

	t testing.TB
	s *Server
}

// Event is one of a room.
type Event struct {
	Type    string          `json:"type"`
	ID      string          `json:"event_id"`
	Sender  string          `json:"sender"`
	Content json.RawMessage `json:"content"`
}

// Person registers a user whose name begins with the given one.
func (s *Server) Person(t testing.TB, name string) Person {
	t.Helper()
	p := Person{t: t, s: s}
	got := p.do("POST", client+"/register", map[string]any{
		"username": name + "-" + strings.ToLower(rand.Text()), "password": rand.Text(), "auth": map[string]string{"type": "m.login.dummy"}})
	p.ID, _ = got["user_id"].(string)
	p.Token, _ = got["access_token"].(string)
	return p
}

func (p Person) do(method, path string, body any) map[string]any {
	p.t.Helper()
	b, err := json.Marshal(body)
	if err != nil {
		p.t.Fatal(err)
	}
	return p.raw(method, path, "application/json", b)
}

func (p Person) raw(method, path, kind string, body []byte) (got map[string]any) {
	p.t.Helper()
	r, err := http.NewRequestWithContext(p.t.Context(), method, p.s.URL+path, bytes.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	r.Header.Set("Content-Type", kind)
	if p.Token != "" {
		r.Header.Set("Authorization", "Bearer "+p.Token)
	}
	resp, err := direct().Do(r)
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK || json.Unmarshal(b, &got) != nil {
		p.t.Fatalf("%s %s: %d %s %v", method, path, resp.StatusCode, b, err)
	}
	return got
}

func rooms(parts ...string) string {
	path := client + "/rooms"
	for _, s := range parts {
		path += "/" + url.PathEscape(s)
	}
	return path
}

// Room makes a room and invites others; a direct one says so.
func (p Person) Room(direct bool, others ...Person) string {
	p.t.Helper()
	var invite []string
	for _, o := range others {
		invite = append(invite, o.ID)
	}
	id, _ := p.do("POST", client+"/createRoom", map[string]any{"is_direct": direct, "invite": invite, "preset": "trusted_private_chat"})["room_id"].(string)
	return id
}

// Invite invites somebody into a room.
func (p Person) Invite(room string, other Person) {
	p.t.Helper()
	p.do("POST", rooms(room, "invite"), map[string]string{"user_id": other.ID})
}

// Join accepts an invitation.
func (p Person) Join(room string) {
	p.t.Helper()
	p.do("POST", rooms(room, "join"), struct{}{})
}

// Say sends a message with the content and returns its id.
func (p Person) Say(room string, content any) string {
	p.t.Helper()
	return p.Put(room, "m.room.message", content)
}

// Text is the content of a plain message.
func Text(s string) map[string]any { return map[string]any{"msgtype": "m.text", "body": s} }

// Put sends any event and returns its id.
func (p Person) Put(room, kind string, content any) string {
	p.t.Helper()
	id, _ := p.do("PUT", rooms(room, "send", kind, rand.Text()), content)["event_id"].(string)
	return id
}

// React touches a reaction below an event.
func (p Person) React(room, to, key string) {
	p.t.Helper()
	p.Put(room, "m.reaction", map[string]any{"m.relates_to": map[string]string{"rel_type": "m.annotation", "event_id": to, "key": key}})
}

// Messages lists what stands in a room, at most 100 events, newest first.
func (p Person) Messages(room string) (list []Event) {
	p.t.Helper()
	got := p.do("GET", rooms(room, "messages")+"?"+url.Values{"dir": {"b"}, "limit": {"100"}}.Encode(), struct{}{})
	b, err := json.Marshal(got["chunk"])
	if err != nil || json.Unmarshal(b, &list) != nil {
		p.t.Fatal(err)
	}
	return list
}

// Upload stores a file and returns its address.
func (p Person) Upload(kind string, data []byte) string {
	p.t.Helper()
	uri, _ := p.raw("POST", "/_matrix/media/v3/upload", kind, data)["content_uri"].(string)
	return uri
}
