package effects

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/ambithost/ambit/sdk/protocol"
)

func TestKV(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *Config) { c.Limits.KVKeys, c.Limits.KVBytes = 4, 100 })
	w.grant(t, "p", "kv.read", `{}`)
	w.grant(t, "p", "kv.write", `{}`)
	w.grant(t, "q", "kv.read", `{"keys":["a/"]}`)
	c := w.call(t)
	q := w.effects.Call(Caller{Plugin: "q"})
	defer q.Close()
	if got := must(t, c, "kv.read", `{"key":"a/1"}`); got["found"] != false {
		t.Fatalf("got %v", got)
	}
	for _, k := range []string{"a/1", "a/2", "b"} {
		must(t, c, "kv.write", `{"key":`+quote(k)+`,"value_base64":"`+b64("v"+k)+`"}`)
	}
	if got := must(t, c, "kv.read", `{"key":"b"}`); got["found"] != true || got["value_base64"] != b64("vb") {
		t.Fatalf("got %v", got)
	}
	if got := must(t, c, "kv.read", `{"prefix":"a/"}`); fmt.Sprint(got["keys"]) != "[a/1 a/2]" {
		t.Fatalf("got %v", got)
	}
	if got := must(t, q, "kv.read", `{"prefix":"a/"}`); fmt.Sprint(got["keys"]) != "[]" {
		t.Fatalf("another plugin's keys: %v", got)
	}
	refused(t, protocol.Denied, q, "kv.read", `{"prefix":""}`)
	refused(t, protocol.Denied, q, "kv.read", `{"prefix":"a"}`)
	must(t, c, "kv.write", `{"key":"b","delete":true}`)
	must(t, c, "kv.write", `{"key":"b","delete":true}`)
	for args, code := range map[string]protocol.Code{
		`{"key":"","value_base64":""}`: protocol.Invalid, `{"key":"a"}`: protocol.Invalid, `{"key":"a","value_base64":"","delete":true}`: protocol.Invalid,
		`{"key":"a\u0000b","value_base64":""}`: protocol.Invalid, `{"key":"a","value_base64":"!"}`: protocol.Invalid, `{"key":"a","key":"b","value_base64":""}`: protocol.Invalid,
		`{"key":` + quote(strings.Repeat("k", maxKey+1)) + `,"value_base64":""}`:      protocol.Limit,
		`{"key":"a","value_base64":"` + b64(strings.Repeat("x", maxKVValue+1)) + `"}`: protocol.Limit,
		`{"key":"a","value_base64":"` + b64(strings.Repeat("x", 100)) + `"}`:          protocol.Limit,
	} {
		refused(t, code, c, "kv.write", args)
	}
	refused(t, protocol.Invalid, c, "kv.read", `{}`)
	refused(t, protocol.Invalid, c, "kv.read", `{"key":"a","prefix":"b"}`)
}

// TestKVQuotaRace: writers at once do not get past the quota together.
func TestKVQuotaRace(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *Config) { c.Limits.KVKeys = 10 })
	w.grant(t, "p", "kv.write", `{}`)
	c := w.call(t)
	var wg sync.WaitGroup
	for i := range 40 {
		wg.Go(func() {
			_, err := do(t, c, "kv.write", fmt.Sprintf(`{"key":"k%d","value_base64":""}`, i))
			if err != nil && protocol.CodeOf(err) != protocol.Limit {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if keys, _ := w.Keys(t.Context(), "p", ""); len(keys) != 10 {
		t.Fatalf("%d keys", len(keys))
	}
}

func TestHostErrorsStayInTheHost(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	none := filepath.Join(t.TempDir(), "owner", "none")
	w := newWorld(t, func(c *Config) {
		c.Workspace = func(string) (string, error) { return none, nil }
		c.Logger = hclog.New(&hclog.LoggerOptions{Output: &log})
	})
	w.grant(t, "p", "file.read", `{"paths":["."]}`)
	err := refused(t, protocol.Unavailable, w.call(t), "file.read", `{"path":"a"}`)
	if strings.Contains(err.Error(), "owner") || !strings.Contains(log.String(), none) {
		t.Fatalf("told the plugin %q, the log %q", err, log.String())
	}
}

func TestClock(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 23, 9, 0, 0, 123e6, time.UTC)
	zone := time.FixedZone("Test/Zone", 3600)
	w := newWorld(t, func(c *Config) {
		c.Now, c.Zone = func() time.Time { return now }, zone
		c.OwnerSeen = func() time.Time { return now.Add(-time.Hour) }
	})
	w.grant(t, "p", "clock.read", `{}`)
	for _, args := range []string{``, `{}`} {
		got := must(t, w.call(t), "clock.read", args)
		if got["now"] != "2026-11-23T10:00:00.123+01:00" || got["zone"] != "Test/Zone" || got["unix_ms"] != float64(now.UnixMilli()) || got["owner_seen"] != "2026-11-23T09:00:00+01:00" {
			t.Fatalf("got %v", got)
		}
	}
	refused(t, protocol.Invalid, w.call(t), "clock.read", `{"x":1}`)
}

func TestLog(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	now := time.Now()
	w := newWorld(t, func(c *Config) {
		c.Logger = hclog.New(&hclog.LoggerOptions{Output: io.Writer(&out), Level: hclog.Trace})
		c.Now = func() time.Time { return now }
	})
	w.grant(t, "p", "log.write", `{}`)
	c := w.call(t)
	must(t, c, "log.write", `{"level":"info","message":"one\n2026 [ERROR] gate: forged\u001b[2J\u202e"}`)
	line := out.String()
	if strings.Count(line, "\n") != 1 || strings.Contains(line, "\x1b") || !strings.Contains(line, "[INFO]  p: one 2026 [ERROR] gate: forged[2J") {
		t.Fatalf("logged %q", line)
	}
	must(t, c, "log.write", `{"level":"debug","message":`+quote(strings.Repeat("é", protocol.MaxLog))+`}`)
	if out.Len() > protocol.MaxLog+300 {
		t.Fatalf("logged %d bytes", out.Len())
	}
	refused(t, protocol.Invalid, c, "log.write", `{"level":"off","message":"x"}`)
	refused(t, protocol.Invalid, c, "log.write", `{"level":"","message":"x"}`)
	before := len(w.outcomes())
	var err error
	for range logBurst * 2 {
		_, err = do(t, c, "log.write", `{"level":"info","message":"x"}`)
	}
	if protocol.CodeOf(err) != protocol.Limit || len(w.outcomes())-before != logBurst-2 {
		t.Fatalf("%v after %d lines", err, len(w.outcomes())-before)
	}
}

func TestMessage(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.grant(t, "p", "message.send", `{}`)
	c := w.call(t)
	must(t, c, "message.send", `{"to":"owner","text":" hello\u001b[31m\nthere\u202e "}`)
	if fmt.Sprint(w.sent) != "[main/s: [p] hello[31m\nthere]" {
		t.Fatalf("sent %q", w.sent)
	}
	refused(t, protocol.Denied, c, "message.send", `{"to":"mallory","text":"x"}`)
	refused(t, protocol.Invalid, c, "message.send", `{"to":"owner","text":"\u001b"}`)
	refused(t, protocol.Limit, c, "message.send", `{"to":"owner","text":`+quote(strings.Repeat("x", maxMessage+1))+`}`)
}

func TestUnknownEffects(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	c := w.call(t)
	for name, code := range map[string]protocol.Code{
		"secret.use": protocol.Invalid, "net.dial": protocol.NotFound, "host.kill": protocol.NotFound, "card.charge": protocol.NotFound,
		"nonsense": protocol.Invalid, "": protocol.Invalid, "\x1b[2J": protocol.Invalid, "http.Request": protocol.Invalid, "resume": protocol.Invalid,
	} {
		err := refused(t, code, c, name, `{"name":"KEY"}`)
		if strings.Contains(err.Error(), "\x1b") {
			t.Errorf("%q", err)
		}
	}
	if n := len(w.outcomes()); n != 0 {
		t.Errorf("%d records", n)
	}
	// Without a part that serves it, a capability says so.
	w = newWorld(t, func(c *Config) {
		c.KV, c.Messenger, c.Workspace, c.Secrets, c.Cells = nil, nil, nil, nil, nil
	})
	c = w.call(t)
	for name, args := range map[string]string{"kv.read": `{"key":"a"}`, "kv.write": `{"key":"a","value_base64":""}`, "message.send": `{"to":"owner","text":"x"}`, "file.read": `{"path":"a"}`} {
		scope := `{}`
		if strings.HasPrefix(name, "file") {
			scope = `{"paths":["."]}`
		}
		w.grant(t, "p", name, scope)
		refused(t, protocol.Unavailable, c, name, args)
	}
}

func FuzzArgs(f *testing.F) {
	for _, s := range []string{`{"url":"http://a/","headers":{"A":["b"]}}`, `{"a":{"b":[1,2,{"c":null}]}}`, `{"a":1,"a":2}`, `[[[[`, `{"\u0061":1,"a":2}`, `"\`, `{}{}`, `{"url":1e999}`} {
		f.Add([]byte(s))
	}
	c, err := newClient(HTTP{})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		shapely := checkJSON(raw, 1<<20, maxDepth) == nil
		var v json.RawMessage
		if err := decode("x", raw, &v); (err == nil) != shapely && len(bytes.TrimSpace(raw)) > 0 {
			t.Fatalf("%q: checked %v, decoded %v", raw, shapely, err)
		}
		var a httpArgs
		if decode("http.request", raw, &a) == nil {
			req, timeout, err := a.parse(c)
			if err == nil && (timeout <= 0 || req.url == nil || req.header.Get("Host") != "") {
				t.Fatalf("%q: %v", raw, req)
			}
		}
	})
}
