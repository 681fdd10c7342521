package cli

import "testing"

// TestClip: a line keeps to the width, its styles end with it, and an escape that
// is no style does not hold the screen up.
func TestClip(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		line, want string
		width      int
	}{
		{"plain", "pla", 3},
		{"äöü", "äö", 2},
		{"\x1b[31mred\x1b[0m line", "\x1b[31mred\x1b[0m li", 6},
		{"\x1b[31mred", "\x1b[31mre\x1b[0m", 2},
		{"a\x1b[2J", "a", 9},
		{"", "", 4},
	} {
		if got := clip(c.line, c.width); got != c.want {
			t.Errorf("%q within %d: %q, want %q", c.line, c.width, got, c.want)
		}
	}
}
