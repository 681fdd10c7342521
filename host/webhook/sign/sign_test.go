package sign_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	oracle "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/ambithost/ambit/host/webhook/sign"
)

const (
	secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" // the specification's own
	other  = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
)

func key(t testing.TB, s string) sign.Key {
	t.Helper()
	k, err := sign.ParseKey([]byte(s))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// The reference library takes what is signed here, and what it signs is taken.
func TestAgainstTheReferenceLibrary(t *testing.T) {
	t.Parallel()
	theirs, err := oracle.NewWebhook(secret)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	for _, body := range []string{"", `{"test": 2432232314}`, "\x00\xff", strings.Repeat("x", 100_000)} {
		h := http.Header{}
		if err := sign.Headers(h, "msg_1", now, []byte(body), key(t, other), key(t, secret)); err != nil {
			t.Fatal(err)
		}
		if err := theirs.Verify([]byte(body), h); err != nil {
			t.Errorf("the reference refuses %.20q: %v", body, err)
		}
		signature, err := theirs.Sign("msg_2", now, []byte(body))
		if err != nil {
			t.Fatal(err)
		}
		h = http.Header{sign.HeaderID: {"msg_2"}, sign.HeaderTimestamp: {fmt.Sprint(now.Unix())}, sign.HeaderSignature: {"v1,bm9uZQ== v1a,x " + signature}}
		m, err := sign.Verify(h, []byte(body), []sign.Key{key(t, other), key(t, secret)}, now)
		if err != nil || m.ID != "msg_2" || m.At.Unix() != now.Unix() {
			t.Errorf("what the reference signs, %.20q: %+v, %v", body, m, err)
		}
	}
}

// The vector that the specification's libraries share.
func TestVector(t *testing.T) {
	t.Parallel()
	h := http.Header{
		sign.HeaderID: {"msg_p5jXN8AQM9LWM0D4loKWxJek"}, sign.HeaderTimestamp: {"1614265330"},
		sign.HeaderSignature: {"v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="},
	}
	if _, err := sign.Verify(h, []byte(`{"test": 2432232314}`), []sign.Key{key(t, secret)}, time.Unix(1614265330, 0)); err != nil {
		t.Error(err)
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_800_000_000, 0)
	good := func() http.Header {
		h := http.Header{}
		if err := sign.Headers(h, "msg_1", now, []byte("body"), key(t, secret)); err != nil {
			t.Fatal(err)
		}
		return h
	}
	for name, c := range map[string]struct {
		change func(http.Header)
		body   string
		at     time.Time
		keys   []sign.Key
		want   error
	}{
		"another body":        {body: "bodz", want: sign.ErrSignature},
		"another key":         {keys: []sign.Key{key(t, other)}, want: sign.ErrSignature},
		"no key":              {keys: []sign.Key{}, want: sign.ErrSignature},
		"a zero key":          {keys: []sign.Key{{}}, want: sign.ErrSignature},
		"too old":             {at: now.Add(sign.Tolerance + time.Second), want: sign.ErrStale},
		"from the future":     {at: now.Add(-sign.Tolerance - time.Second), want: sign.ErrStale},
		"another id":          {change: func(h http.Header) { h.Set(sign.HeaderID, "msg_2") }, want: sign.ErrSignature},
		"another time":        {change: func(h http.Header) { h.Set(sign.HeaderTimestamp, "1800000001") }, want: sign.ErrSignature},
		"a dot in the id":     {change: func(h http.Header) { h.Set(sign.HeaderID, "msg.1") }, want: sign.ErrHeaders},
		"two ids":             {change: func(h http.Header) { h.Add(sign.HeaderID, "msg_1") }, want: sign.ErrHeaders},
		"two signatures":      {change: func(h http.Header) { h.Add(sign.HeaderSignature, "v1,x") }, want: sign.ErrHeaders},
		"no signature":        {change: func(h http.Header) { h.Del(sign.HeaderSignature) }, want: sign.ErrHeaders},
		"an empty signature":  {change: func(h http.Header) { h.Set(sign.HeaderSignature, "v1,") }, want: sign.ErrSignature},
		"without its version": {change: func(h http.Header) { h.Set(sign.HeaderSignature, h.Get(sign.HeaderSignature)[3:]) }, want: sign.ErrSignature},
		"another version":     {change: func(h http.Header) { h.Set(sign.HeaderSignature, "v2,"+h.Get(sign.HeaderSignature)[3:]) }, want: sign.ErrSignature},
		"a time with a sign":  {change: func(h http.Header) { h.Set(sign.HeaderTimestamp, "+1800000000") }, want: sign.ErrHeaders},
		"too many signatures": {change: func(h http.Header) { h.Set(sign.HeaderSignature, strings.Repeat("v1,x ", 40)) }, want: sign.ErrHeaders},
	} {
		h, body, at, keys := good(), "body", now, []sign.Key{key(t, secret)}
		if c.change != nil {
			c.change(h)
		}
		if c.body != "" {
			body = c.body
		}
		if !c.at.IsZero() {
			at = c.at
		}
		if c.keys != nil {
			keys = c.keys
		}
		if _, err := sign.Verify(h, []byte(body), keys, at); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

func TestKeys(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"", "whsec_", "short", "whsec_c2hvcnQ=", "whsec_" + strings.Repeat("A", 100), "whsec_!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!"} {
		if _, err := sign.ParseKey([]byte(s)); !errors.Is(err, sign.ErrKey) {
			t.Errorf("%q: %v", s, err)
		}
	}
	if keys, err := sign.ParseKeys([]byte(secret + "  " + other + "\n")); err != nil || len(keys) != 2 {
		t.Errorf("two keys: %d, %v", len(keys), err)
	}
	for _, s := range []string{"", " ", secret + " short", strings.Repeat(secret+" ", 5)} {
		if _, err := sign.ParseKeys([]byte(s)); !errors.Is(err, sign.ErrKey) {
			t.Errorf("%q: %v", s, err)
		}
	}
	k := key(t, secret)
	if got := fmt.Sprintf("%v %+v %#v %s %x", k, k, k, k, k); got != strings.TrimSpace(strings.Repeat("[redacted] ", 5)) {
		t.Errorf("a key prints as %s", got)
	}
	if err := sign.Headers(http.Header{}, "msg_1", time.Now(), nil); !errors.Is(err, sign.ErrKey) {
		t.Errorf("signing without a key: %v", err)
	}
}

// Whatever stands in the headers, nothing is taken that was not signed.
func FuzzVerify(f *testing.F) {
	f.Add("msg_1", "1800000000", "v1,AAAA", []byte("body"))
	f.Fuzz(func(t *testing.T, id, stamp, signature string, body []byte) {
		h := http.Header{sign.HeaderID: {id}, sign.HeaderTimestamp: {stamp}, sign.HeaderSignature: {signature}}
		if _, err := sign.Verify(h, body, []sign.Key{key(t, secret)}, time.Unix(1_800_000_000, 0)); err == nil {
			t.Errorf("taken: %q %q %q", id, stamp, signature)
		}
	})
}
