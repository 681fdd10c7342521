package effects

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/ambithost/ambit/host/effects/secret"
	"github.com/ambithost/ambit/sdk/protocol"
)

const fresh = "tok_4f2a9c1e7b6d58e03a1f"

// capturing lets p have NEW kept of what the server hands out, and use it there.
func capturing(t *testing.T, h http.HandlerFunc) (w *world, base string, c *Call) {
	t.Helper()
	w = newWorld(t, nil)
	srv := w.serve(t, h)
	w.grantHTTP(t, srv)
	w.grant(t, "p", "secret.store", fmt.Sprintf(`{"names":["NEW","NEW2","KEY"],"from":[%q]}`, srv.Listener.Addr()))
	w.grant(t, "p", "secret.use", fmt.Sprintf(`{"names":["NEW","KEY"],"hosts":[%q]}`, srv.Listener.Addr()))
	return w, srv.URL, w.call(t)
}

func register(base, more string) string {
	return `{"method":"POST","url":` + quote(base+"/register") + `,"body":"{}","capture":[{"json_pointer":"/agent/api_key","secret":"NEW"}]` + more + `}`
}

func answer(status int, body string) http.HandlerFunc {
	return func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("X-Key", fresh)
		rw.WriteHeader(status)
		_, _ = rw.Write([]byte(body))
	}
}

// holds looks for the key in any place that a plugin, a model or a reader of the
// log could see.
func holds(t *testing.T, w *world, got any, err error) {
	t.Helper()
	if text := asText(got) + fmt.Sprint(err) + w.recorded(); strings.Contains(text, fresh[:12]) {
		t.Errorf("the key is in %s", text)
	}
}

func TestCaptureKeepsAKeyFromThePlugin(t *testing.T) {
	t.Parallel()
	var sent []string
	w, base, c := capturing(t, func(rw http.ResponseWriter, r *http.Request) {
		sent = append(sent, r.Header.Get("Authorization"))
		rw.Header().Set("Content-Encoding", "gzip")
		rw.Header().Set("X-Echo", fresh)
		z := gzip.NewWriter(rw)
		fmt.Fprintf(z, `{"agent":{"api_key":%q,"claim":"c"},"important":"save %s, or %s"}`, fresh, fresh, url.QueryEscape(base64Forms([]byte(fresh))[0]))
		_ = z.Close()
	})
	got := must(t, c, "http.request", register(base, ""))
	holds(t, w, got, nil)
	if !strings.Contains(asText(got), "[redacted]") || !strings.Contains(asText(got), `claim`) {
		t.Errorf("the rest of the answer: %v", got)
	}
	if !strings.Contains(strings.Join(w.outcomes(), ";"), "secret.store done") {
		t.Errorf("outcomes %v", w.outcomes())
	}
	// It is used as any secret is, and what the server says of it later is redacted.
	got = must(t, c, "http.request", `{"url":`+quote(base)+`,"secrets":[{"name":"NEW","in":"header","as":"Authorization","prefix":"Bearer "}]}`)
	holds(t, w, got, nil)
	if len(sent) != 2 || sent[1] != "Bearer "+fresh {
		t.Errorf("the server saw %q", sent)
	}
}

// TestCaptureWithholds: when the key is not where it was said to be, it may be
// anywhere.
func TestCaptureWithholds(t *testing.T) {
	t.Parallel()
	for name, h := range map[string]http.HandlerFunc{
		"elsewhere":    answer(201, `{"data":{"agent":{"api_key":"`+fresh+`"}}}`),
		"no text":      answer(201, `{"agent":{"api_key":["`+fresh+`"]}}`),
		"twice":        answer(201, `{"agent":{"api_key":"tok_0000000000000000000","api_key":"`+fresh+`"}}`),
		"no JSON":      answer(200, `api_key=`+fresh),
		"two values":   answer(201, `{"agent":{"api_key":"`+fresh+`"}}{}`),
		"refusal":      answer(409, `{"agent":{"api_key":"`+fresh+`"}}`),
		"deep":         answer(201, strings.Repeat("[", 1000)+`"`+fresh+`"`),
		"huge":         answer(201, `{"agent":{"api_key":"`+fresh+`"},"x":"`+strings.Repeat("x", maxCaptureBody)+`"}`),
		"common words": answer(201, `{"agent":{"api_key":"application/vnd.api+json"},"k":"`+fresh+`"}`),
		"an address":   answer(201, `{"agent":{"api_key":"https://api.example/v1"},"k":"`+fresh+`"}`),
		"short":        answer(201, `{"agent":{"api_key":"tok_1234"},"k":"`+fresh+`"}`),
		"white space":  answer(201, `{"agent":{"api_key":"`+fresh+` and 1"}}`),
		"unknown coding": func(rw http.ResponseWriter, _ *http.Request) {
			rw.Header().Set("Content-Encoding", "br")
			_, _ = rw.Write([]byte(fresh))
		},
	} {
		w, base, c := capturing(t, h)
		got, err := do(t, c, "http.request", register(base, ""))
		if err == nil {
			t.Errorf("%s: the answer was given: %v", name, got)
		}
		holds(t, w, got, err)
		if _, err := w.effects.cfg.Secrets.Get(t.Context(), "NEW"); protocol.CodeOf(err) != protocol.NotFound {
			t.Errorf("%s: a secret was kept: %v", name, err)
		}
		if strings.Contains(strings.Join(w.outcomes(), ";"), "secret.store done") {
			t.Errorf("%s: %v", name, w.outcomes())
		}
	}
}

// TestCaptureOfARefusal: what a server says when it refuses reaches the plugin,
// and the record says that nothing was kept.
func TestCaptureOfARefusal(t *testing.T) {
	t.Parallel()
	w, base, c := capturing(t, func(rw http.ResponseWriter, _ *http.Request) {
		rw.WriteHeader(409)
		_, _ = rw.Write([]byte(`{"success":false,"error":"taken"}`))
	})
	got := must(t, c, "http.request", register(base, ""))
	if got["status"] != 409.0 || !strings.Contains(asText(got), "taken") {
		t.Errorf("%v", got)
	}
	if all := strings.Join(w.outcomes(), ";"); !strings.Contains(all, "secret.store failed") || !strings.Contains(all, "http.request done") {
		t.Errorf("outcomes %v", all)
	}
}

// TestCaptureLaundersNoSecret: a server that echoes can't be used to give a secret
// a second name, in any form that redaction knows.
func TestCaptureLaundersNoSecret(t *testing.T) {
	t.Parallel()
	for _, form := range []string{`{{secret:KEY}}`, `x1{{secret:KEY}}`} {
		w, base, c := capturing(t, func(rw http.ResponseWriter, r *http.Request) {
			var m map[string]string
			_ = json.NewDecoder(r.Body).Decode(&m)
			b := base64Forms([]byte("0123456789abcdef" + m["k"]))[0]
			fmt.Fprintf(rw, `{"agent":{"api_key":%q}}`, b)
		})
		secrets := `,"secrets":[{"name":"KEY","in":"body"}]`
		// One that needs no escape in JSON.
		if err := w.effects.cfg.Secrets.(*secret.Store).Set(t.Context(), "KEY", []byte("sk-live-0123456789")); err != nil {
			t.Fatal(err)
		}
		err := refused(t, protocol.Failed, c, "http.request", strings.Replace(register(base, secrets), `"body":"{}"`, `"body":`+quote(`{"k":"`+form+`"}`), 1))
		if !strings.Contains(err.Error(), "has already") {
			t.Error(err)
		}
	}
}

// TestCaptureReplacesNothing: neither the server nor the plugin can put a key in
// the place of one that there is, and nothing is sent for it.
func TestCaptureReplacesNothing(t *testing.T) {
	t.Parallel()
	hits := 0
	w, base, c := capturing(t, func(rw http.ResponseWriter, _ *http.Request) {
		hits++
		fmt.Fprintf(rw, `{"agent":{"api_key":%q}}`, fresh)
	})
	err := refused(t, protocol.Denied, c, "http.request", strings.ReplaceAll(register(base, ""), "NEW", "KEY"))
	if hits != 0 || !strings.Contains(err.Error(), "ambit secret remove KEY") {
		t.Errorf("%d requests, %v", hits, err)
	}
	v, err := w.effects.cfg.Secrets.Get(t.Context(), "KEY")
	if err != nil || string(v.Reveal()) != key {
		t.Errorf("the secret has changed: %v", err)
	}
}

// TestCaptureNeedsItsGrant: for this name, from this server, before anything is
// sent.
func TestCaptureNeedsItsGrant(t *testing.T) {
	t.Parallel()
	hits := 0
	w, base, c := capturing(t, func(rw http.ResponseWriter, _ *http.Request) {
		hits++
		fmt.Fprintf(rw, `{"agent":{"api_key":%q}}`, fresh)
	})
	refused(t, protocol.Denied, c, "http.request", strings.ReplaceAll(register(base, ""), "NEW", "OTHER"))
	w.grant(t, "p", "secret.store", `{"names":["NEW"],"from":["elsewhere.example"]}`)
	refused(t, protocol.Denied, c, "http.request", register(base, ""))
	two := strings.Replace(register(base, ""), `}]`, `},{"json_pointer":"/b","secret":"NEW2"}]`, 1)
	refused(t, protocol.Denied, c, "http.request", two)
	if hits != 0 {
		t.Errorf("%d requests were sent", hits)
	}
}

func TestCaptureIsChecked(t *testing.T) {
	t.Parallel()
	w, base, c := capturing(t, func(rw http.ResponseWriter, r *http.Request) {
		http.Redirect(rw, r, "/elsewhere", http.StatusTemporaryRedirect)
	})
	for change, with := range map[string]string{
		`"NEW"`:            `"new"`,
		`/agent/api_key`:   `agent`,
		`"body":"{}"`:      `"body":"{}","stream":true`,
		`"body":"{}",`:     `"upload":true,`,
		`"secret":"NEW"}]`: `"secret":"NEW"},{"json_pointer":"/x","secret":"NEW"}]`,
	} {
		refused(t, protocol.Invalid, c, "http.request", strings.Replace(register(base, ""), change, with, 1))
	}
	// A redirect is given as it is: the key is of the server that was asked.
	if got := must(t, c, "http.request", register(base, `,"follow":true`)); got["status"] != 307.0 {
		t.Errorf("%v", got)
	}
	w.dns.set("api.example", []string{"203.0.114.1"})
	w.grant(t, "p", "http.request", `{"hosts":["api.example"],"schemes":["http"],"methods":["POST"]}`)
	w.grant(t, "p", "secret.store", `{"names":["NEW"],"from":["api.example"]}`)
	if err := refused(t, protocol.Denied, c, "http.request", register("http://api.example", "")); !strings.Contains(err.Error(), "https") {
		t.Error(err)
	}
}

func FuzzCapture(f *testing.F) {
	f.Add(`{"agent":{"api_key":"`+fresh+`"}}`, "/agent/api_key")
	f.Add(`[{"a/b":["x"]}]`, "/0/a~1b/0")
	f.Add(`{"agent":{"api_key":"`, "/")
	f.Fuzz(func(t *testing.T, body, pointer string) {
		x := &exchange{req: &httpRequest{captures: []captureRef{{Pointer: pointer, Secret: "NEW"}}}}
		if checkCaptures(x.req.captures, false) != nil {
			return
		}
		values, _, err := x.lookUp(&redactor{}, []byte(body))
		if err == nil && (len(values) != 1 || !likeAKey(string(values[0]))) {
			t.Errorf("%q at %q: %q", body, pointer, values)
		}
		if err != nil && len(values) != 0 {
			t.Errorf("%q at %q: %v and %q", body, pointer, err, values)
		}
	})
}
