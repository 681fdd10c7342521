package provenance

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
)

// overshoot is how far a Trace may go beyond its bound: what one text costs is counted
// when it was looked through.
const overshoot = 16 << 20

// TestWorkIsBounded counts work and not time: whatever is written to make a Trace
// slow, one takes no more than the bound, the parts of a URL and of a list
// together, and beyond it everything that was read applies.
func TestWorkIsBounded(t *testing.T) {
	t.Parallel()
	fill := func(unit string, n int) string { return strings.Repeat(unit, n/len(unit)+1)[:n] }
	unlike := func(n int) string {
		var b strings.Builder
		for i := 0; b.Len() < n; i++ {
			fmt.Fprintf(&b, "word%d other%x. ", i*7919, i)
		}
		return b.String()[:n]
	}
	codes := func(n int) string {
		var b strings.Builder
		for i := 0; b.Len() < n; i++ {
			b.WriteString(base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "word%d other%x word%d", i, i, i*3)) + " ")
		}
		return b.String()
	}
	m := (*Material)(nil).With(Text{Source{Kind: Owner}, fill("ab ", MaxText)})
	for i, body := range []string{unlike(MaxText), fill("a", MaxText), fill("ab ab ", MaxText), codes(MaxText)} {
		m = m.With(Text{Source{Kind: Tool, Name: fmt.Sprint("t", i), Labels: []string{"untrusted"}}, body})
	}
	beyond := 0
	for name, value := range map[string]string{
		"the text itself": unlike(MaxValue), "one letter": fill("a", MaxValue), "the owner's": fill("ab ", MaxValue), "codes": codes(2000),
		"a long code": base64.StdEncoding.EncodeToString([]byte(unlike(MaxValue / 2))), "a list": strings.Repeat(fill("a", 20)+", ", maxItems),
		"a list of what is there": strings.Repeat("ab ab ab, ", maxItems), "odd case": fill("aB Ab ", 8<<10), "a number": "1,000,000",
		"a URL":                  "https://" + fill("a", 40) + ".example/" + strings.Repeat(fill("a", 12)+"/", 8) + "?" + strings.Repeat("a="+fill("a", 14)+"&", 8),
		"a URL of what is there": "https://word1.other.example/word7919/other1/x/y?" + strings.Repeat("q=word7919 other1&", 8),
	} {
		tr, work := m.work(value)
		if work > MaxWork+overshoot {
			t.Errorf("%s: %d MiB compared", name, work>>20)
		}
		if work > MaxWork {
			beyond++
			if !tr.Union && !tr.OwnerNamed() {
				t.Errorf("%s: beyond the bound not everything applies: %s %s", name, tr.Match, tr.Why)
			}
		}
	}
	if beyond == 0 {
		t.Error("nothing here comes to the bound, so nothing was shown")
	}
}
