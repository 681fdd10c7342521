package capability

import (
	"encoding/json"
	"strings"
	"testing"
)

func scopeOf(t *testing.T, js string) Scope {
	t.Helper()
	var s Scope
	if err := json.Unmarshal([]byte(js), &s); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestCovers(t *testing.T) {
	t.Parallel()
	get := func(authority string) Attributes {
		return Attributes{"authority": authority, "method": "GET", "scheme": "https", "path": "/a/b"}
	}
	for _, c := range []struct {
		power, scope string
		attrs        Attributes
		want         bool
	}{
		{"http.request", `{"hosts":["api.example"]}`, get("api.example"), true},
		{"http.request", `{"hosts":["API.example"]}`, get("api.example"), true},
		{"http.request", `{"hosts":["api.example"]}`, get("api.example:8443"), false},
		{"http.request", `{"hosts":["api.example:8443"]}`, get("api.example:8443"), true},
		{"http.request", `{"hosts":["api.example"]}`, get("evil-api.example"), false},
		{"http.request", `{"hosts":[".example"]}`, get("a.b.example"), true},
		{"http.request", `{"hosts":[".example"]}`, get("example"), false},
		{"http.request", `{"hosts":[".example"]}`, get("badexample"), false},
		{"http.request", `{"hosts":[".example"]}`, get("a.example:8080"), false},
		{"http.request", `{"hosts":[".example:8080"]}`, get("a.example:8080"), true},
		{"http.request", `{"hosts":["*"]}`, get("anything.at.all"), true},
		{"http.request", `{"hosts":["*"]}`, get("anything:81"), false},
		{"http.request", `{"hosts":["*"]}`, get("[2001:db8::1]"), true},
		{"http.request", `{"hosts":["*"]}`, get("[2001:db8::1]:81"), false},
		{"http.request", `{"hosts":["*:*"]}`, get("anything:81"), true},
		{"http.request", `{}`, get("api.example"), false},
		{"http.request", `{"hosts":[]}`, get("api.example"), false},
		{"http.request", `{"hosts":["*"],"colour":["red"]}`, get("api.example"), false},
		{"http.request", `{"hosts":["*"],"paths":["/a/"]}`, get("api.example"), true},
		{"http.request", `{"hosts":["*"],"paths":["/b"]}`, get("api.example"), false},
		{"http.request", `{"hosts":["*"],"methods":["POST"]}`, get("api.example"), false},
		{"http.request", `{"hosts":["*"],"schemes":["http"]}`, get("api.example"), false},
		{"http.request", `{"hosts":["*"]}`, Attributes{"method": "GET"}, false},
		{"file.read", `{"paths":["notes/"]}`, Attributes{"path": "notes/a.md"}, true},
		{"file.read", `{"paths":["notes/"]}`, Attributes{"path": "notes"}, true},
		{"file.read", `{"paths":["notes/"]}`, Attributes{"path": "notes2/a.md"}, false},
		{"file.read", `{"paths":["notes"]}`, Attributes{"path": "notes/a.md"}, false},
		{"file.read", `{"paths":["."]}`, Attributes{"path": "x"}, true},
		{"card.charge", `{"max_amount":500}`, charge(500), true},
		{"card.charge", `{"max_amount":500}`, charge(501), false},
		{"card.charge", `{"max_amount":500}`, charge(-1), false},
		{"card.charge", `{"max_amount":500}`, Attributes{"amount": "5", "currency": "USD", "merchant": "m"}, false},
		{"card.charge", `{"merchants":["other"]}`, charge(1), false},
		{"payment.send", `{}`, Attributes{"amount": int64(1), "currency": "USD", "payee": "p"}, false},
		{"mail.send", `{"to":["a@x","b@x"]}`, Attributes{"recipients": []string{"a@x", "b@x"}}, true},
		{"mail.send", `{"to":["a@x"]}`, Attributes{"recipients": []string{"a@x", "c@x"}}, false},
		{"call.place", `{"numbers":["+82"]}`, Attributes{"number": "+8210"}, true},
		{"call.place", `{"numbers":["+82"]}`, Attributes{"number": "+1"}, false},
		{"message.send", `{}`, Attributes{"to": "owner"}, true},
		{"message.send", `{}`, Attributes{"to": "stranger"}, false},
	} {
		p, ok := Lookup(c.power)
		if !ok {
			t.Fatal(c.power)
		}
		got, why := p.Covers(scopeOf(t, c.scope), c.attrs)
		if got != c.want || got == (why != "") {
			t.Errorf("%s %s covers %v: %v (%s), want %v", c.power, c.scope, c.attrs, got, why, c.want)
		}
	}
}

func charge(n int64) Attributes {
	return Attributes{"amount": n, "currency": "USD", "merchant": "m"}
}

func TestScopeJSON(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{`[]`, `{"a":null}`, `{"a":"b"}`, `{"a":1.5}`, `{"a":[1]}`, `{"a":{}}`, `{"a":true}`} {
		var s Scope
		if json.Unmarshal([]byte(bad), &s) == nil {
			t.Errorf("%s was read as %+v", bad, s)
		}
	}
	out, err := json.Marshal(scopeOf(t, `{"max_amount":5,"hosts":["a"]}`))
	if err != nil || string(out) != `{"hosts":["a"],"max_amount":5}` {
		t.Errorf("%s, %v", out, err)
	}
}

// TestVocabulary holds the table to its own rules.
func TestVocabulary(t *testing.T) {
	t.Parallel()
	for _, c := range All() {
		if !strings.Contains(c.Name, ".") || c.Doc == "" || c.Risk == "" {
			t.Errorf("%+v is incomplete", c)
		}
		for _, k := range c.Scope {
			found := false
			for _, a := range c.Attributes {
				found = found || a.Name == k.Attribute
			}
			if !found {
				t.Errorf("%s: scope key %s is matched against %q, which no request has", c.Name, k.Name, k.Attribute)
			}
		}
	}
	if _, ok := Lookup("host.resume"); ok {
		t.Error("resume can be granted")
	}
}

func TestWithin(t *testing.T) {
	t.Parallel()
	allow := func(key string, entries ...string) Scope { return Scope{Allow: map[string][]string{key: entries}} }
	for _, c := range []struct {
		capability string
		some, all  Scope
		want       bool
	}{
		{"http.request", allow("hosts", "a.example"), allow("hosts", "a.example", "b.example"), true},
		{"http.request", allow("hosts", "c.example"), allow("hosts", "a.example"), false},
		{"http.request", allow("hosts", "a.b.example"), allow("hosts", ".b.example"), true},
		{"http.request", allow("hosts", ".b.example"), allow("hosts", "a.b.example"), false},
		{"http.request", allow("hosts", ".a.b.example"), allow("hosts", ".b.example"), true},
		{"http.request", allow("hosts", "a.example:8443"), allow("hosts", "*"), false},
		{"http.request", allow("hosts", ".example"), allow("hosts", "*"), false},
		{"http.request", allow("hosts", "a.example"), allow("hosts", "*"), true},
		{"http.request", allow("hosts", "*"), allow("hosts", ".example"), false},
		{"http.request", allow("hosts", "*:*"), allow("hosts", "*"), false},
		{"http.request", allow("hosts", "*"), allow("hosts", "*:*"), true},
		{"http.request", Scope{Allow: map[string][]string{"hosts": {"a"}, "methods": {"POST"}}}, allow("hosts", "a"), false},
		{"http.request", allow("hosts", "a"), Scope{Allow: map[string][]string{"hosts": {"a"}, "methods": {"GET"}}}, false}, // the default has HEAD
		{"http.request", Scope{Allow: map[string][]string{"hosts": {"a"}, "addresses": {"10.0.0.0/8"}}}, allow("hosts", "a"), false},
		{"http.request", allow("nonsense", "a"), allow("hosts", "a"), false},
		{"file.read", allow("paths", "notes/a"), allow("paths", "notes/"), true},
		{"file.read", allow("paths", "."), allow("paths", "notes/"), false},
		{"kv.read", Scope{}, allow("keys", "a"), false},
		{"kv.read", allow("keys", "ab"), allow("keys", "a"), true},
		{"model.complete", Scope{}, Scope{Max: map[string]int64{"max_max_tokens": 5}}, false},
		{"model.complete", Scope{Max: map[string]int64{"max_max_tokens": 6}}, Scope{Max: map[string]int64{"max_max_tokens": 5}}, false},
		{"model.complete", Scope{Max: map[string]int64{"max_max_tokens": 5}}, Scope{Max: map[string]int64{"max_max_tokens": 5}}, true},
		{"model.complete", Scope{Max: map[string]int64{"max_max_tokens": 5}}, Scope{}, true},
	} {
		power, ok := Lookup(c.capability)
		if !ok {
			t.Fatal(c.capability)
		}
		if got := power.Within(c.some, c.all); got != c.want {
			t.Errorf("%s: %v within %v: %v", c.capability, c.some, c.all, got)
		}
	}
}
