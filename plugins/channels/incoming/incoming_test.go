package incoming

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/ambithost/ambit/sdk/channel"
)

func TestNames(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"Ann": "Ann", " a\n\tb ": "a b", "x\u202egnp.exe": "x gnp.exe", "\x1b[31mred": "[31mred", "👨‍👩‍👧": "👨‍👩‍👧", "\xff": "",
	} {
		if got := Name(in); got != want {
			t.Errorf("Name(%q) = %q, want %q", in, got, want)
		}
	}
	for in, want := range map[string]string{
		"a.txt": "a.txt", "../../etc/passwd": "passwd", `C:\x\y.doc`: "y.doc", "..": "file", "": "file", "/": "file", ".": "file",
	} {
		if got := FileName(in); got != want {
			t.Errorf("FileName(%q) = %q, want %q", in, got, want)
		}
	}
	for in, want := range map[string]string{"image/PNG": "image/png", "text/plain; charset=x": "application/octet-stream", "": "application/octet-stream", "a/b\nc": "application/octet-stream"} {
		if got := MediaType(in); got != want {
			t.Errorf("MediaType(%q) = %q, want %q", in, got, want)
		}
	}
	if long := Name(strings.Repeat("é", 500)); len(long) > channel.MaxID || !utf8.ValidString(long) {
		t.Errorf("%d bytes", len(long))
	}
	if Lines("", "a", "", "b") != "a\nb" || Line("a\r\n\x00b") != "a b" {
		t.Error("lines")
	}
}

func TestBackoff(t *testing.T) {
	t.Parallel()
	for fails, want := range map[int]time.Duration{0: time.Second, 1: time.Second, 2: 2 * time.Second, 6: 32 * time.Second, 7: time.Minute, 1000: time.Minute} {
		if got := Backoff(fails); got != want {
			t.Errorf("%d: %v", fails, got)
		}
	}
}
