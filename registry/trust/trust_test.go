package trust

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ambithost/ambit/sdk/capability"
)

const digest1 = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

var release = Release{Name: "weather", Version: "1.2.0", Repository: "registry.example/acme/weather", Capabilities: []Capability{
	{Name: "http.request", Risk: capability.Read, Scope: capability.Scope{Allow: map[string][]string{"hosts": {"api.example.org"}}}, Reason: "fetches <the> forecast"},
}}

func newKey(t *testing.T) *Key {
	t.Helper()
	k, err := NewKey()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func sign(t *testing.T, k *Key, digest string, chain ...Envelope) []byte {
	t.Helper()
	b, err := k.Sign(digest, release, chain...)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestSignature(t *testing.T) {
	t.Parallel()
	k := newKey(t)
	b := sign(t, k, digest1)
	v, err := Verify(b, digest1)
	if err != nil {
		t.Fatal(err)
	}
	if v.KeyID != k.ID() || !v.Release.Same(release) || !v.Public.Equal(k.Public()) {
		t.Errorf("verified %+v", v)
	}
	other := release
	other.Version = "1.2.1"
	if v.Release.Same(other) {
		t.Error("two releases are the same")
	}
	// The bytes as Sigstore and DSSE spell them, checked without our code.
	var raw struct {
		MediaType    string
		Verification struct{ PublicKey struct{ Hint string } } `json:"verificationMaterial"`
		Envelope     struct {
			Payload, PayloadType string
			Signatures           []struct{ Sig string }
		} `json:"dsseEnvelope"`
	}
	if err := json.Unmarshal(b, &raw); err != nil {
		t.Fatal(err)
	}
	payload, err1 := base64.StdEncoding.DecodeString(raw.Envelope.Payload)
	sig, err2 := base64.StdEncoding.DecodeString(raw.Envelope.Signatures[0].Sig)
	signed := fmt.Sprintf("DSSEv1 28 application/vnd.in-toto+json %d %s", len(payload), payload)
	if err := errors.Join(err1, err2); err != nil || !ed25519.Verify(k.Public(), []byte(signed), sig) || raw.Verification.PublicKey.Hint != k.ID() {
		t.Errorf("%v: %s", err, b)
	}
	var s struct {
		Type    string `json:"_type"`
		Subject []struct{ Digest map[string]string }
	}
	if err := json.Unmarshal(payload, &s); err != nil || s.Type != "https://in-toto.io/Statement/v1" || "sha256:"+s.Subject[0].Digest["sha256"] != digest1 {
		t.Errorf("%v: %s", err, payload)
	}
}

// Attacks on a signature: each is refused.
func TestHostileBundle(t *testing.T) {
	t.Parallel()
	k, other := newKey(t), newKey(t)
	good := sign(t, k, digest1)
	edit := func(change func(*bundle)) []byte {
		var s bundle
		if err := json.Unmarshal(good, &s); err != nil {
			t.Fatal(err)
		}
		change(&s)
		b, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	resign := func(by *Key, p predicate, name, digest, kind string) []byte {
		return edit(func(s *bundle) {
			e, err := by.seal(name, digest, kind, p)
			if err != nil {
				t.Fatal(err)
			}
			s.Envelope = e
		})
	}
	for name, b := range map[string][]byte{
		"the signature of another artifact": sign(t, k, "sha256:"+strings.Repeat("b", 64)),
		"a changed payload": edit(func(s *bundle) {
			s.Envelope.Payload = bytes.Replace(s.Envelope.Payload, []byte("api.example.org"), []byte("bad.example.org"), 1)
		}),
		"a changed signature":       edit(func(s *bundle) { s.Envelope.Signatures[0].Sig[0]++ }),
		"no signature":              edit(func(s *bundle) { s.Envelope.Signatures = nil }),
		"an empty signature":        edit(func(s *bundle) { s.Envelope.Signatures[0].Sig = nil }),
		"two signatures":            edit(func(s *bundle) { s.Envelope.Signatures = append(s.Envelope.Signatures, s.Envelope.Signatures[0]) }),
		"another payload type":      edit(func(s *bundle) { s.Envelope.PayloadType = "application/json" }),
		"another key's name":        edit(func(s *bundle) { s.Verification.PublicKey.Hint = other.ID() }),
		"no key's name":             edit(func(s *bundle) { s.Verification.PublicKey = nil }),
		"a certificate":             edit(func(s *bundle) { s.Verification.Certificate = json.RawMessage(`{}`) }),
		"another media type":        edit(func(s *bundle) { s.MediaType = "application/json" }),
		"another's key in it":       resign(other, predicate{release, der(k.Public()), nil}, release.Repository, digest1, releaseType),
		"no key in it":              resign(k, predicate{release, nil, nil}, release.Repository, digest1, releaseType),
		"another kind of statement": resign(k, predicate{release, der(k.Public()), nil}, release.Repository, digest1, rotationType),
		"two repositories":          resign(k, predicate{release, der(k.Public()), nil}, "registry.example/bank/app", digest1, releaseType),
		"unknown keys":              bytes.Replace(good, []byte(`{"mediaType"`), []byte(`{"x":1,"mediaType"`), 1),
		"something behind":          append(bytes.Clone(good), "{}"...),
		"nothing":                   nil,
		"a large one":               append(bytes.Clone(good), bytes.Repeat([]byte(" "), MaxBundle)...),
	} {
		if v, err := Verify(b, digest1); err == nil {
			t.Errorf("%s was taken: %+v", name, v)
		}
	}
	if _, err := Verify(edit(func(s *bundle) { s.Verification.Certificate = json.RawMessage(`{}`) }), digest1); !errors.Is(err, ErrKeyless) {
		t.Errorf("keyless: %v", err)
	}
}

func TestRotation(t *testing.T) {
	t.Parallel()
	first, second, third, stranger := newKey(t), newKey(t), newKey(t), newKey(t)
	hand := func(from, to *Key) Envelope {
		e, err := from.Rotate(to)
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	v, err := Verify(sign(t, third, digest1, hand(first, second), hand(second, third)), digest1)
	if err != nil {
		t.Fatal(err)
	}
	for k, want := range map[*Key]bool{first: true, second: true, third: true, stranger: false} {
		if v.Succeeds(k.ID()) != want {
			t.Errorf("succeeds %v: %v", k, !want)
		}
	}
	forged := hand(stranger, third)
	var h handover
	if _, _, err := forged.peek(rotationType, &h); err != nil {
		t.Fatal(err)
	}
	h.Old = der(first.Public())
	forged, err = stranger.seal("key", third.ID(), rotationType, h)
	if err != nil {
		t.Fatal(err)
	}
	for name, chain := range map[string][]Envelope{
		"a hand-over that the old key did not sign": {forged},
		"one to another key":                        {hand(first, second)},
		"no chain":                                  {hand(first, second), hand(stranger, third)},
		"the wrong order":                           {hand(second, third), hand(first, second)},
		"to itself":                                 {hand(third, third)},
		"too many":                                  make([]Envelope, MaxRotations+1),
	} {
		if _, err := third.Sign(digest1, release, chain...); err == nil {
			t.Errorf("%s was signed", name)
		}
	}
}

func TestKeyFile(t *testing.T) {
	t.Parallel()
	k, path := newKey(t), filepath.Join(t.TempDir(), "keys", "default.pem")
	if err := k.Save(path); err != nil {
		t.Fatal(err)
	}
	got, err := LoadKey(path)
	if err != nil || got.ID() != k.ID() {
		t.Fatalf("%v, %v", got, err)
	}
	if err := newKey(t).Save(path); err == nil {
		t.Error("a key was written over")
	}
	if text := fmt.Sprintf("%v %+v %#v %s", k, k, k, k); strings.Count(text, k.ID()) != 4 {
		t.Errorf("a key prints as %s", text)
	}
	public, err := ParsePublic(EncodePublic(k.Public()))
	if err != nil || !public.Equal(k.Public()) {
		t.Errorf("%v", err)
	}
	for _, mode := range []os.FileMode{0o640, 0o604, 0o620} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if _, err := LoadKey(path); err == nil {
			t.Errorf("a key with the mode %o was used", mode)
		}
	}
	damaged := filepath.Join(t.TempDir(), "damaged.pem")
	if err := os.WriteFile(damaged, []byte("-----BEGIN PRIVATE KEY-----\nc2VjcmV0LWJ5dGVz\n-----END PRIVATE KEY-----\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadKey(damaged); err == nil || strings.Contains(err.Error(), "secret-bytes") {
		t.Errorf("a damaged key: %v", err)
	}
}

func TestBook(t *testing.T) {
	t.Parallel()
	const acme = "registry.example/acme"
	path := filepath.Join(t.TempDir(), "publishers.json")
	book, err := OpenBook(path)
	if err != nil {
		t.Fatal(err)
	}
	first, second, stranger := newKey(t), newKey(t), newKey(t)
	verified := func(k *Key, chain ...Envelope) *Verified {
		v, err := Verify(sign(t, k, digest1, chain...), digest1)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	hand, err := first.Rotate(second)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for n, step := range []struct {
		v        *Verified
		standing Standing
		err      error
	}{
		{nil, New, nil}, {verified(first), New, nil}, {verified(first), Known, nil}, {verified(stranger), "", ErrOtherKey}, {nil, "", ErrStripped},
		{verified(second), "", ErrOtherKey}, {verified(second, hand), Rotated, nil}, {verified(second), Known, nil}, {verified(first), "", ErrOtherKey},
	} {
		standing, err := book.Judge(acme, step.v)
		if standing != step.standing || !errors.Is(err, step.err) {
			t.Errorf("step %d: %q, %v", n, standing, err)
		}
		if err := book.Remember(acme, step.v, now); !errors.Is(err, step.err) {
			t.Errorf("step %d: %v", n, err)
		}
		if book, err = OpenBook(path); err != nil { // after a restart all is as it was
			t.Fatal(err)
		}
	}
	p, ok := book.Lookup(acme)
	if !ok || p.KeyID != second.ID() || len(p.Earlier) != 1 || p.Earlier[0] != first.ID() || !p.FirstSeen.Equal(now) {
		t.Errorf("%+v", p)
	}
	if _, ok := book.Lookup(acme + "/other"); ok {
		t.Error("a publisher speaks for another namespace")
	}
	if err := errors.Join(book.Forget(acme)); err != nil {
		t.Error(err)
	}
	if standing, err := book.Judge(acme, verified(stranger)); standing != New || err != nil {
		t.Errorf("forgotten: %q, %v", standing, err)
	}
	// What can't be read trusts nobody.
	for _, text := range []string{"", "{", `{"publishers_format":2}`, `{"publishers_format":1,"publishers":[{"namespace":"x","key":"y"}]}`, `{"publishers_format":1,"more":1}`} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := OpenBook(path); err == nil {
			t.Errorf("%q was read", text)
		}
	}
}

func FuzzVerify(f *testing.F) {
	k, err := NewKey()
	if err != nil {
		f.Fatal(err)
	}
	b, err := k.Sign(digest1, release)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte("{}"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if v, err := Verify(b, digest1); err == nil && v.KeyID != KeyID(v.Public) {
			t.Error("a signature by nobody")
		}
	})
}
