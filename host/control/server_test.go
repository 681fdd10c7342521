package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/ambithost/ambit/host/gate"
	"github.com/ambithost/ambit/sdk/protocol"
)

// raw sends a request as someone would who does not use our client.
func raw(t *testing.T, c *Client, method, path, contentType, body string) (int, *Error) {
	t.Helper()
	req, err := http.NewRequest(method, "http://ambit"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body == "" {
		req.Body = nil
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	res, err := c.http.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	var e errorBody
	if res.StatusCode != http.StatusOK {
		if err := json.Unmarshal(b, &e); err != nil || e.Error == nil {
			t.Fatalf("%s %s: %d with %q, which is no error object", method, path, res.StatusCode, b)
		}
	}
	return res.StatusCode, e.Error
}

func TestStrictRequests(t *testing.T) {
	t.Parallel()
	c, _ := serve(t, &partial{
		kill:  func(target string) (*KillReport, error) { return &KillReport{Target: target}, nil },
		grant: func(GrantRequest) (*Grant, error) { return &Grant{}, nil },
		call:  func(context.Context, CallRequest) (*CallResult, error) { return &CallResult{}, nil },
	})
	const js = "application/json"
	for _, tc := range []struct {
		name, method, path, contentType, body string
		status                                int
		says                                  string
	}{
		{"good", "POST", "/v1/kill", js, `{"target":"all"}`, 200, ""},
		{"charset", "POST", "/v1/kill", js + "; charset=utf-8", `{"target":"all"}`, 200, ""},
		{"unknown field", "POST", "/v1/kill", js, `{"target":"all","force":true}`, 400, "force"},
		{"two values", "POST", "/v1/kill", js, `{"target":"all"}{"target":"main"}`, 400, "more than one"},
		{"garbage behind", "POST", "/v1/kill", js, `{"target":"all"} x`, 400, "more than one"},
		{"no JSON", "POST", "/v1/kill", js, `target=all`, 400, "body"},
		{"a form, as a web page can send", "POST", "/v1/kill", "application/x-www-form-urlencoded", `{"target":"all"}`, 400, "application/json"},
		{"no type", "POST", "/v1/kill", "", `{"target":"all"}`, 400, "application/json"},
		{"too big", "POST", "/v1/kill", js, `{"target":"` + strings.Repeat("a", smallBody) + `"}`, 413, "more than"},
		{"spaces too big", "POST", "/v1/kill", js, `{"target":"all"}` + strings.Repeat(" ", smallBody), 413, "more than"},
		{"deep", "POST", "/v1/call", js, `{"tool":"a/b","args":` + strings.Repeat(`[`, 20000) + `}`, 400, "depth"},
		{"body where none is taken", "GET", "/v1/status", js, `{}`, 400, "takes no body"},
		{"unknown parameter", "GET", "/v1/status?x=1", "", "", 400, `"x"`},
		{"parameter twice", "GET", "/v1/audit?from=1&from=2", "", "", 400, "2 times"},
		{"bad number", "GET", "/v1/audit?from=-1", "", "", 400, "from"},
		{"page too long", "GET", "/v1/audit?limit=100000", "", "", 400, "limit"},
		{"bad time", "GET", "/v1/audit?since=yesterday", "", "", 400, "since"},
		{"no such path", "GET", "/v1/nothing", "", "", 404, "no GET /v1/nothing"},
		{"no such method", "PATCH", "/v1/status", "", "", 404, "no PATCH"},
		{"plugin name with escapes", "GET", "/v1/plugins/%1b%5b2J", "", "", 400, "name"},
		{"plugin name that climbs", "GET", "/v1/plugins/..%2f..%2fetc", "", "", 400, "name"},
		{"secret name that climbs", "PUT", "/v1/secrets/..%2fx", js, `{"value":"eA=="}`, 400, "secret"},
		{"empty secret", "PUT", "/v1/secrets/KEY", js, `{"value":""}`, 400, "empty"},
		{"unknown capability", "POST", "/v1/grants", js, `{"plugin":"web","capability":"host.resume"}`, 400, "no capability"},
		{"unknown scope key", "POST", "/v1/grants", js, `{"plugin":"web","capability":"file.read","scope":{"paths":["a"],"host":["b"]}}`, 400, "host"},
		{"scope of another shape", "POST", "/v1/grants", js, `{"plugin":"web","capability":"file.read","scope":{"paths":"a"}}`, 400, "list of strings"},
		{"relative path", "POST", "/v1/plugins/preview", js, `{"path":"x"}`, 400, "absolute"},
		{"path and name", "POST", "/v1/plugins/preview", js, `{"path":"/x","name":"y"}`, 400, "want one of"},
		{"install without digest", "POST", "/v1/plugins", js, `{"preview":"1"}`, 400, "digest"},
		{"args that are no object", "POST", "/v1/call", js, `{"tool":"a/b","args":[1]}`, 400, "object"},
		{"tool without plugin", "POST", "/v1/call", js, `{"tool":"b"}`, 400, "plugin/tool"},
		{"empty message", "POST", "/v1/chat", js, `{"text":""}`, 400, "empty"},
		{"bad target", "POST", "/v1/kill", js, `{"target":"cell:x"}`, 400, "agent:NAME"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			status, e := raw(t, c, tc.method, tc.path, tc.contentType, tc.body)
			if status != tc.status {
				t.Fatalf("status %d (%v), want %d", status, e, tc.status)
			}
			if e != nil && !strings.Contains(e.Message, tc.says) {
				t.Errorf("says %q, want something about %q", e.Message, tc.says)
			}
		})
	}
}

func TestErrorsKeepTheirMeaning(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		err    error
		want   Error
		status int
	}{
		{"denial", fmt.Errorf("call: %w", &gate.Denial{Code: protocol.Denied, Plugin: "mail", Capability: "mail.send", Resource: "x@example.net", Rule: "grant", Revision: "7f3a", Message: "not a contact", Change: "ambit grant mail mail.send"}),
			Error{Code: protocol.Denied, Message: "mail may not mail.send x@example.net: not a contact", Hint: "ambit grant mail mail.send", Rule: "grant", Revision: "7f3a"}, 403},
		{"killed", protocol.Errorf(protocol.Killed, "everything is stopped"), Error{Code: protocol.Killed, Message: "everything is stopped", Hint: "ambit resume"}, 423},
		{"code", fmt.Errorf("a: %w", protocol.Errorf(protocol.NotFound, "b")), Error{Code: protocol.NotFound, Message: "a: b"}, 404},
		{"own", &Error{Code: protocol.Unavailable, Message: "m", Hint: "h"}, Error{Code: protocol.Unavailable, Message: "m", Hint: "h"}, 503},
		{"none", errors.New("oops"), Error{Code: protocol.Internal, Message: "oops"}, 500},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			c, _ := serve(t, &partial{status: func(context.Context) (*Status, error) { return nil, tc.err }})
			_, err := c.Status(t.Context())
			e, ok := errors.AsType[*Error](err)
			if !ok || *e != tc.want {
				t.Errorf("got %+v, want %+v", err, tc.want)
			}
			if protocol.CodeOf(err) != tc.want.Code {
				t.Errorf("CodeOf %s, want %s", protocol.CodeOf(err), tc.want.Code)
			}
			if status, _ := raw(t, c, "GET", "/v1/status", "", ""); status != tc.status {
				t.Errorf("status %d, want %d", status, tc.status)
			}
		})
	}
}

func TestPanicEndsOneRequestOnly(t *testing.T) {
	t.Parallel()
	c, _ := serve(t, &partial{}) // Secrets is a nil method
	_, err := c.Secrets(t.Context())
	if protocol.CodeOf(err) != protocol.Internal || strings.Contains(err.Error(), "goroutine") {
		t.Errorf("got %v, want a defect without a trace", err)
	}
	err = c.Chat(t.Context(), ChatRequest{Text: "hi"}, func(ChatEvent) error { return nil })
	if protocol.CodeOf(err) != protocol.Internal {
		t.Errorf("got %v from a panic in a turn", err)
	}
	if _, err := c.Status(t.Context()); err != nil {
		t.Errorf("the server is gone: %v", err)
	}
}

func TestBareTargets(t *testing.T) {
	t.Parallel()
	c, _ := serve(t, &partial{
		plugins: []Plugin{{Identity: Identity{Name: "web"}}, {Identity: Identity{Name: "both"}}},
		kill:    func(target string) (*KillReport, error) { return &KillReport{Target: target}, nil },
	})
	for in, want := range map[string]string{
		"": "all", "all": "all", "web": "plugin:web", "main": "agent:main", "plugin:gone": "plugin:gone", "agent:both": "agent:both",
	} {
		if r, err := c.Kill(t.Context(), in, ""); err != nil || r.Target != want {
			t.Errorf("kill %q: %+v, %v; want %s", in, r, err, want)
		}
	}
	for in, want := range map[string]protocol.Code{"both": protocol.Invalid, "nobody": protocol.NotFound, "a b": protocol.Invalid} {
		if _, err := c.Kill(t.Context(), in, ""); protocol.CodeOf(err) != want {
			t.Errorf("kill %q: %v, want %s", in, err, want)
		}
	}
}

func TestOnlyUnixSockets(t *testing.T) {
	t.Parallel()
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Skip(err)
	}
	serveOn(t, &partial{}, lis, shortHome(t), nil)
	res, err := (&http.Client{Transport: &http.Transport{}}).Get("http://" + lis.Addr().String() + "/v1/status")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusForbidden {
		t.Errorf("TCP was answered with %s", res.Status)
	}
}

func TestEveryRouteIsDocumented(t *testing.T) {
	t.Parallel()
	doc, err := os.ReadFile("../../docs/control-api.md")
	if err != nil {
		t.Fatal(err)
	}
	documented := map[string]bool{}
	for line := range strings.Lines(string(doc)) {
		if h, ok := strings.CutPrefix(strings.TrimSpace(line), "### `"); ok {
			documented[strings.TrimSuffix(h, "`")] = true
		}
	}
	for _, rt := range routes() {
		if !documented[rt.pattern] {
			t.Errorf("docs/control-api.md has no heading ### `%s`", rt.pattern)
		}
		delete(documented, rt.pattern)
	}
	for h := range documented {
		t.Errorf("docs/control-api.md describes %s, which is not served", h)
	}
}
