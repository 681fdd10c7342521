package cli

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestClean(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, in, want string }{
		{"plain", "Grüße, 世界\n\ttab", "Grüße, 世界\n\ttab"},
		{"colour", "a\x1b[31mb\x1b[0mc", "abc"},
		{"clear the screen", "a\x1b[2J\x1b[Hb", "ab"},
		{"title", "a\x1b]0;owned\x07b", "ab"},
		{"title, ended by ST", "a\x1b]0;owned\x1b\\b", "ab"},
		{"a link", "\x1b]8;;https://evil.example\x1b\\text\x1b]8;;\x1b\\", "text"},
		{"device control", "a\x1bP1;2|x\x1b\\b", "ab"},
		{"one byte controls", "a\u009b31mb\u009d0;x\u009cc", "abc"},
		{"two byte", "a\x1bcb", "ab"},
		{"charset", "a\x1b(0b", "ab"},
		{"bell, backspace, return", "a\x07\x08\rb", "ab"},
		{"delete", "a\x7fb", "ab"},
		{"backwards", "a\u202eb\u2066c", "abc"},
		{"invisible", "a\u200bb\U000e0041c\ufeff", "abc"},
		{"no UTF-8", "a\xffb", "a\ufffdb"},
		{"a title that never ends takes its line only", "a\x1b]0;owned\nb", "a\nb"},
		{"a sequence in a sequence", "a\x1b[\x1b[31mb", "ab"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if got := block(tc.in); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
			var c cleaner
			var b strings.Builder
			for _, r := range tc.in { // as a stream cuts it
				b.WriteString(c.clean(string(r)))
			}
			if b.String() != tc.want {
				t.Errorf("rune by rune %q, want %q", b.String(), tc.want)
			}
		})
	}
	long := "\x1b]" + strings.Repeat("x", 10*longestSequence)
	if got := block(long); len(got) < 9*longestSequence {
		t.Errorf("a sequence without end swallowed all but %d of %d bytes", len(got), len(long))
	}
}

// FuzzClean: whatever comes, nothing that a terminal obeys comes out, and JSON
// keeps its meaning.
func FuzzClean(f *testing.F) {
	f.Add("a\x1b[31mb\x1b]0;x\x07\u202e\u009b")
	f.Add("\U000e0041\ud7ff\U0010ffff")
	f.Fuzz(func(t *testing.T, s string) {
		out := block(s)
		if strings.ContainsFunc(out, func(r rune) bool { return r != '\n' && r != '\t' && deceives(r) }) {
			t.Errorf("%q gave %q", s, out)
		}
		if again := block(out); again != out {
			t.Errorf("%q is cleaned to %q and then to %q", s, out, again)
		}
		js, err := json.Marshal(s)
		if err != nil {
			t.Skip()
		}
		escaped := escapeJSON(js)
		if strings.ContainsFunc(string(escaped), jsonDeceives) {
			t.Errorf("JSON %q", escaped)
		}
		var a, b string
		if err := json.Unmarshal(js, &a); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(escaped, &b); err != nil || a != b {
			t.Errorf("%q became %q: %v", a, b, err)
		}
		if n := utf8.RuneCountInString(short(s, 10)); n > 10 {
			t.Errorf("short has %d characters", n)
		}
	})
}
