package effects

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/ambithost/ambit/host/effects/secret"
	"github.com/ambithost/ambit/host/webhook/sign"
	"github.com/ambithost/ambit/sdk/protocol"
)

const (
	hookKey  = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	hookKey2 = "whsec_BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB"
)

func withSecret(t *testing.T, w *world, name, value string) {
	t.Helper()
	if err := w.effects.cfg.Secrets.(*secret.Store).Set(t.Context(), name, []byte(value)); err != nil {
		t.Fatal(err)
	}
}

// TestSigned: the host signs what is sent; the plugin, the record and the answer
// never hold a key, not even when the server knows and says it.
func TestSigned(t *testing.T) {
	t.Parallel()
	type got struct {
		h    http.Header
		body string
	}
	seen := make(chan got, 10)
	srv := server(t, func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		seen <- got{r.Header.Clone(), string(b)}
		if r.URL.Path == "/moved" {
			http.Redirect(w, r, "/there", http.StatusTemporaryRedirect)
			return
		}
		_, _ = io.WriteString(w, "I know "+hookKey+" and "+strings.TrimPrefix(hookKey2, "whsec_"))
	})
	w := pathWorld(t, srv)
	withSecret(t, w, "ASK", hookKey+" "+hookKey2)
	c := w.call(t)
	keys, err := sign.ParseKeys([]byte(hookKey2))
	if err != nil {
		t.Fatal(err)
	}
	answer := must(t, c, "http.request", `{"method":"POST","url":`+quote(srv.URL+"/in")+`,"body":"{\"bot\":\"{{secret:BOT}}\"}","secrets":[{"name":"ASK","in":"signature","as":"msg_1"},{"name":"BOT","in":"body"}]}`)
	g := <-seen
	// What is verified is what was sent, other secrets in it.
	if m, err := sign.Verify(g.h, []byte(g.body), keys, time.Now()); err != nil || m.ID != "msg_1" || !strings.Contains(g.body, botKey) {
		t.Errorf("%v, %+v: %s", err, g.h, g.body)
	}
	for _, k := range []string{hookKey, hookKey2} {
		if l := leaksOf(strings.TrimPrefix(k, "whsec_"), w.recorded()+fmt.Sprint(answer)+fmt.Sprint(g.h)); l != "" {
			t.Errorf("a key shows as %q", l)
		}
	}
	if !strings.Contains(w.recorded(), `signature`) {
		t.Error("the record does not tell where the secret was used")
	}
	// A signature is for whom it was made for: a redirect does not carry it on.
	must(t, c, "http.request", `{"method":"POST","url":`+quote(srv.URL+"/moved")+`,"body":"x","secrets":[{"name":"ASK","in":"signature","as":"msg_2"}]}`)
	if first, second := <-seen, <-seen; first.h.Get(sign.HeaderSignature) == "" || second.h.Get(sign.HeaderSignature) != "" {
		t.Errorf("headers %v, then %v", first.h, second.h)
	}
}

func TestSignaturesAreChecked(t *testing.T) {
	t.Parallel()
	srv := server(t, func(_ http.ResponseWriter, r *http.Request) { t.Errorf("%s was reached", r.RequestURI) })
	w := pathWorld(t, srv)
	withSecret(t, w, "ASK", hookKey)
	c := w.call(t)
	for name, rest := range map[string]string{
		"no id":       `"method":"POST","secrets":[{"name":"ASK","in":"signature"}]`,
		"a dot":       `"method":"POST","secrets":[{"name":"ASK","in":"signature","as":"a.b"}]`,
		"a line":      `"method":"POST","secrets":[{"name":"ASK","in":"signature","as":"a\nb"}]`,
		"a prefix":    `"method":"POST","secrets":[{"name":"ASK","in":"signature","as":"a","prefix":"x"}]`,
		"a get":       `"secrets":[{"name":"ASK","in":"signature","as":"a"}]`,
		"two":         `"method":"POST","secrets":[{"name":"ASK","in":"signature","as":"a"},{"name":"ASK","in":"signature","as":"b"}]`,
		"an upload":   `"method":"POST","upload":true,"secrets":[{"name":"ASK","in":"signature","as":"a"}]`,
		"its own id":  `"method":"POST","headers":{"webhook-id":"b"},"secrets":[{"name":"ASK","in":"signature","as":"a"}]`,
		"its own":     `"method":"POST","headers":{"webhook-signature":"v1,x"},"secrets":[{"name":"ASK","in":"signature","as":"a"}]`,
		"a token":     `"method":"POST","secrets":[{"name":"BOT","in":"signature","as":"a"}]`, // no key for webhooks
		"is elsewise": `"method":"POST","secrets":[{"name":"ASK","in":"Signature","as":"a"}]`,
	} {
		err := refused(t, protocol.Invalid, c, "http.request", `{"url":`+quote(srv.URL+"/")+`,`+rest+`}`)
		if strings.Contains(err.Error(), botKey) || strings.Contains(err.Error(), hookKey) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
