package effects

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/ambithost/ambit/host/effects/secret"
)

func redactorOf(t testing.TB, secrets ...string) *redactor {
	t.Helper()
	var s seenSecrets
	for _, raw := range secrets {
		v, err := secret.NewValue([]byte(raw))
		if err != nil {
			t.Fatal(err)
		}
		s.add(v)
		s.add(v)
	}
	return s.redactor()
}

func TestRedactorPrefersTheLongest(t *testing.T) {
	t.Parallel()
	r := redactorOf(t, "abcdefgh", "abcdefghijkl")
	for in, want := range map[string]string{
		"":                         "",
		"abcdefgh":                 "[redacted]",
		"abcdefghijkl":             "[redacted]",
		"abcdefghijk":              "[redacted]ijk",
		"xabcdefgabcdefghy":        "xabcdefg[redacted]y",
		"abcdefghabcdefghijkl.":    "[redacted][redacted].",
		"abcdefg":                  "abcdefg",
		`a\u0062cdefg%68ijk&#108;`: "[redacted]",
	} {
		if got := r.text(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
		for _, src := range []io.Reader{strings.NewReader(in), iotest.OneByteReader(strings.NewReader(in)), iotest.DataErrReader(strings.NewReader(in))} {
			got, err := io.ReadAll(r.reader(src))
			if string(got) != want || err != nil {
				t.Errorf("stream %q: %q, %v", in, got, err)
			}
		}
	}
	b64 := base64.StdEncoding.EncodeToString([]byte("abcdefghijkl"))
	wrapped := b64[:5] + "\r\n" + b64[5:]
	for i := range wrapped {
		got, err := io.ReadAll(r.reader(&chunks{[]byte(wrapped), i + 1}))
		if string(got) != "[redacted]" || err != nil {
			t.Errorf("wrapped, in pieces of %d: %q, %v", i+1, got, err)
		}
	}
	if (&redactor{}).text("abcdefgh") != "abcdefgh" {
		t.Error("the zero redactor changed something")
	}
}

// TestRedactorWithholdsWhenCut: what may be the start of a secret is not let
// out when the stream breaks.
func TestRedactorWithholdsWhenCut(t *testing.T) {
	t.Parallel()
	r := redactorOf(t, "correct-horse")
	src := io.MultiReader(strings.NewReader("see correct-hors"), iotest.ErrReader(io.ErrUnexpectedEOF))
	got, err := io.ReadAll(r.reader(src))
	if string(got) != "see " || err == nil {
		t.Fatalf("%q, %v", got, err)
	}
}

func FuzzRedactor(f *testing.F) {
	f.Add([]byte("sk-12345678"), []byte("a"), []byte("b"), uint8(1))
	f.Add([]byte("\\\\\\\\\\\\\\\\\"\""), []byte("\\"), []byte("\\"), uint8(3))
	f.Add([]byte{0xff, 0xfe, 1, 2, 3, 4, 5, 6, 7}, []byte{0xff}, []byte{7}, uint8(2))
	f.Fuzz(func(t *testing.T, raw, before, after []byte, cut uint8) {
		v, err := secret.NewValue(raw)
		if err != nil || len(raw) > 200 {
			return
		}
		var s seenSecrets
		s.add(v)
		r := s.redactor()
		for _, form := range [][]byte{raw, []byte(base64.StdEncoding.EncodeToString(raw)), []byte(asText(string(raw)))} {
			text := bytes.Join([][]byte{before, form, after}, nil)
			whole := r.bytes(text)
			if bytes.Contains(whole, raw) && !bytes.Contains(redactedMark, raw) {
				t.Fatalf("%q holds %q", whole, raw)
			}
			var streamed []byte
			src := iotest.OneByteReader(bytes.NewReader(text))
			if cut > 1 {
				src = &chunks{text, int(cut)}
			}
			streamed, err := io.ReadAll(r.reader(src))
			if err != nil || !bytes.Equal(streamed, whole) {
				t.Fatalf("streamed %q, whole %q: %v", streamed, whole, err)
			}
		}
	})
}

type chunks struct {
	b []byte
	n int
}

func (c *chunks) Read(p []byte) (int, error) {
	if len(c.b) == 0 {
		return 0, io.EOF
	}
	n := copy(p, c.b[:min(len(c.b), c.n)])
	c.b = c.b[n:]
	return n, nil
}

func BenchmarkRedact(b *testing.B) {
	r := redactorOf(b, key, "sk-proj-0123456789abcdefghijklmnopqrstuvwxyz", "ghp_0123456789abcdefghijklmnop")
	rng := rand.New(rand.NewPCG(1, 2))
	var text []byte
	for len(text) < 1<<20 { // a list of JSON objects with HTML in them
		text = append(text, fmt.Sprintf(`{"id":%d,"name":"entry %x","html":"<a href=\"/x/%d?a=b%%20c&amp;d\">some words of text<\/a>"},`, rng.Int(), rng.Int(), rng.Int())...)
	}
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		r.bytes(text)
	}
}
