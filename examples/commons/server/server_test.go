package server_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ambithost/ambit/examples/commons/server"
)

// visit asks a server and returns status and answer.
func visit(t *testing.T, h http.Handler, method, path, key, body string) (*httptest.ResponseRecorder, map[string]any) {
	t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	if key != "" {
		r.Header.Set("Authorization", "Bearer "+key)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	var m map[string]any
	_ = json.Unmarshal(w.Body.Bytes(), &m) // a page is no JSON
	return w, m
}

func join(t *testing.T, h http.Handler, name string) (key, claim string) {
	t.Helper()
	w, m := visit(t, h, "POST", "/api/v1/agents/register", "", `{"name":"`+name+`","description":"d"}`)
	if w.Code != http.StatusCreated {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	a := m["agent"].(map[string]any)
	return a["api_key"].(string), a["claim_url"].(string)
}

func open(t *testing.T, cfg server.Config) *server.Server {
	t.Helper()
	s, err := server.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestErrors(t *testing.T) {
	t.Parallel()
	s := open(t, server.Config{Limits: &server.Limits{}})
	ada, _ := join(t, s, "ada")
	bob, _ := join(t, s, "bob")
	_, m := visit(t, s, "POST", "/api/v1/posts", ada, `{"submolt":"general","title":"T","content":"C"}`)
	id := fmt.Sprint(m["post"].(map[string]any)["id"])
	for _, c := range []struct {
		method, path, key, body string
		status                  int
	}{
		{"POST", "/agents/register", "", `{"name":"ada"}`, 409},
		{"POST", "/agents/register", "", `{"name":"A b"}`, 400},
		{"POST", "/agents/register", "", `{`, 400},
		{"GET", "/agents/me", "", "", 401},
		{"GET", "/agents/me", "moltbook_x", "", 401},
		{"GET", "/nowhere", ada, "", 404},
		{"GET", "/home", ada, "", 404}, // of the other generation
		{"GET", "/agents/dm/check", ada, "", 404},
		{"POST", "/verify", ada, `{}`, 404},
		{"GET", "/feed", ada, "", 500}, // as that server does
		{"GET", "/feed?sort=new", ada, "", 200},
		{"POST", "/posts", ada, `{"submolt_name":"general","title":"T","content":"C"}`, 400},
		{"POST", "/posts", ada, `{"submolt":"general","title":"T"}`, 400},
		{"POST", "/posts", ada, `{"submolt":"general","title":"T","content":"` + strings.Repeat("x", 70000) + `"}`, 400},
		{"POST", "/posts/" + id + "/upvote", ada, "", 400},
		{"POST", "/posts/" + id + "/upvote", bob, "", 200},
		{"DELETE", "/posts/" + id, bob, "", 403},
		{"DELETE", "/posts/" + id, ada, "", 204},
		{"GET", "/posts/" + id, ada, "", 404},
	} {
		if w, _ := visit(t, s, c.method, "/api/v1"+c.path, c.key, c.body); w.Code != c.status {
			t.Errorf("%s %s: %d, want %d: %s", c.method, c.path, w.Code, c.status, w.Body)
		}
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
	for g, name := range map[server.Generation]string{server.OSS: "retryAfter", server.Live: "retry_after_seconds"} {
		at := now
		s := open(t, server.Config{Generation: g, Now: func() time.Time { return at }})
		key, _ := join(t, s, "ada")
		s.Claim("ada")
		at = at.Add(48 * time.Hour)
		if w, _ := visit(t, s, "POST", "/api/v1/posts", key, `{}`); w.Code != 400 || w.Header().Get("X-RateLimit-Remaining") == "" {
			t.Errorf("%s: %d %v", g, w.Code, w.Header())
		}
		w, m := visit(t, s, "POST", "/api/v1/posts", key, `{"submolt":"general","submolt_name":"general","title":"T","content":"C"}`)
		if w.Code != 429 || m[name] != 1800.0 {
			t.Errorf("%s: %d %s", g, w.Code, w.Body)
		}
		for range 200 {
			w, _ = visit(t, s, "GET", "/api/v1/agents/me", key, "")
		}
		if w.Code != 429 || w.Header().Get("Retry-After") != "60" {
			t.Errorf("%s: %d %v", g, w.Code, w.Header())
		}
	}
}

// TestFile: what is kept comes back, and the key is not in it.
func TestFile(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "commons.json")
	cfg := server.Config{File: file, Limits: &server.Limits{}}
	s := open(t, cfg)
	key, _ := join(t, s, "ada")
	visit(t, s, "POST", "/api/v1/posts", key, `{"submolt":"general","title":"Kept","content":"C"}`)
	if w, _ := visit(t, open(t, cfg), "GET", "/api/v1/posts", key, ""); !strings.Contains(w.Body.String(), "Kept") {
		t.Errorf("%s", w.Body)
	}
	b, err := os.ReadFile(file)
	if err != nil || bytes.Contains(b, []byte(key)) {
		t.Errorf("the key is in the file, or %v", err)
	}
	if err := os.WriteFile(file, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := server.New(cfg); err == nil {
		t.Error("a broken file was taken")
	}
}

// TestPage: people see what agents wrote as text, whatever it is.
func TestPage(t *testing.T) {
	t.Parallel()
	s := open(t, server.Config{Limits: &server.Limits{}})
	key, link := join(t, s, "ada")
	visit(t, s, "POST", "/api/v1/posts", key, `{"submolt":"general","title":"<script>alert(1)</script>","content":"a\u202eb <img src=x onerror=y>"}`)
	w, _ := visit(t, s, "GET", "/", "", "")
	page := w.Body.String()
	if w.Code != 200 || strings.Contains(page, "<script") || strings.Contains(page, "<img") || strings.Contains(page, "\u202e") || !strings.Contains(page, "&lt;script&gt;") {
		t.Errorf("%d %s", w.Code, page)
	}
	if csp := w.Header().Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") {
		t.Errorf("policy %q", csp)
	}
	path := link[strings.Index(link, "/claim/"):]
	for _, c := range []struct {
		method, want string
	}{{"GET", "Is this agent yours?"}, {"POST", "is claimed"}, {"GET", "is claimed"}} {
		if w, _ := visit(t, s, c.method, path, "", ""); !strings.Contains(w.Body.String(), c.want) {
			t.Errorf("%s: %s", c.method, w.Body)
		}
	}
	if w, _ := visit(t, s, "POST", "/claim/other", "", ""); w.Code != 404 {
		t.Errorf("%d", w.Code)
	}
	if _, err := server.New(server.Config{Generation: "next"}); err == nil {
		t.Error("an unknown generation was taken")
	}
}
