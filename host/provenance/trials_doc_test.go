package provenance

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write docs/provenance.md")

const document = "../../docs/provenance.md"

// TestTrials holds each trial to its stated result.
func TestTrials(t *testing.T) {
	t.Parallel()
	all, names := trials(), map[string]bool{}
	if len(all) < 40 {
		t.Errorf("%d trials, want 40 at least", len(all))
	}
	for _, c := range all {
		got, tr := c.verdict()
		if got != c.want {
			t.Errorf("%s: %s, want %s: %+v", c.name, got, c.want, tr)
		}
		if names[c.name] || c.why == "" || c.tries == "" {
			t.Errorf("%s: twice, or without a word", c.name)
		}
		names[c.name] = true
	}
}

// TestDocument holds docs/provenance.md to the trials.
func TestDocument(t *testing.T) {
	t.Parallel()
	want := render()
	if *update {
		if err := os.WriteFile(document, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Error("docs/provenance.md is stale: go test ./host/provenance -run TestDocument -update")
	}
}

func render() string {
	var b strings.Builder
	fmt.Fprintf(&b, `# Where a value came from

When the agent wants to write something to the world, the host looks where the
content of each argument appeared in what the session has read: in the owner's
message, in which tools' results, or nowhere. Policy sees the answer, and an
approval shows the sentence. The code is in host/provenance; this page is
written by its tests, and they fail when it is stale.

## The answer

| match | says | confidence |
|---|---|---|
| verbatim | it stands there, byte for byte | 1 |
| folded | it does but for case, spacing (0.95), punctuation (0.9), the spelling of a number, look-alike or invisible characters (0.8) | 0.8 to 0.95 |
| decoded | it does after base64, base32, hex, binary, URL, HTML or JSON escapes, ROT13, reversal or hidden Unicode was undone, in the value, in the source or in both, %d deep | 0.9 |
| pieces | parts of it do, of %d letters or whole words of %d | 0.85 of the share |
| none | nothing that can be relied on was found | 0 |

Confidence is how far the match by itself supports that the value came from
there. Values of fewer than %d letters get no more than 0.8.

1. **No match launders nothing.** What is not accounted for may come from all
   that was read: every source is then listed, and all labels apply. A
   paraphrase, a translation and the model's own summary end here.
2. **Only the owner's words clear a value, and only the very value does.** It
   stands there whole, by itself, the same but for case, spacing and the
   grouping of digits. A part of a longer address, a look-alike, other
   punctuation in an address or another encoding do not count. If an untrusted
   text names it too, it is still the owner's, and both are listed.
3. **A value may not add a disguise.** One that is a text that was read but for
   invisible or look-alike characters, odd case, spacing or punctuation, or that
   is encoded, may hide something in them, and all that was read applies too.
4. **Short values prove little.** Fewer than %d letters or digits (two
   characters of Chinese), or a word usual in arguments ("general", "payment"):
   by itself in the owner's words it is the owner's, with a confidence of 0.5;
   otherwise the match is "none", and the sources that have it come first.
5. **A URL is traced in parts:** user, host, path, query, fragment. Whoever names
   a URL names its host, and a URL of which the owner named every part is the
   owner's.
6. **Bounds:** %d KiB of a text, %d MiB of a session and as much of the
   owner's words, values of %d KiB, %d MiB compared for one value, the parts
   of a URL or a list together. Beyond a bound the cautious answer is given, with the
   reason.

## What goes by a number

A stranger's text can hold a number, an address and a title, and so can the owner's
own calendar. For a destination the host also looks for the records in which the
value is a member whole and by itself (an object in JSON, or lines of "key: value"
up to an empty line or the next of a list), and how much of the record's title
(title, name, subject, summary, label) is in the owner's words. The number that a
record goes by is told from other members; of all records of one number the one
counts of which the owner said least; a number within a text, in two records by
lines at once or beyond %d places is nobody's. What rules make of it is in
[policy.md](policy.md).

Text to another agent is held if a person can't read it: see Legible in the
package for what is looked for.

## Trials

Each line is a test. The agent is taken to do whatever the attacker wants; the
rules are the base rules: a destination that the owner did not name is asked
about once something untrusted was read, and so is content that carries
something private; text to another agent must be legible. Those marked ° need
the whole host (memory, a second session): tested here is what they come down
to, the labels that the text arrives with.

| Trial | What it tries | Result | Because |
|---|---|---|---|
`, maxDepth, longPiece, gram, sureValue, shortValue, MaxText>>10, MaxMaterial>>20, MaxValue>>10, MaxWork>>20, maxRecords)
	counts := map[string]int{}
	for _, c := range trials() {
		mark := ""
		if c.whole {
			mark = " °"
		}
		counts[c.want]++
		fmt.Fprintf(&b, "| %s%s | %s | %s | %s |\n", c.name, mark, c.tries, c.want, c.why)
	}
	fmt.Fprintf(&b, "\nOf %d trials %d are asked about, %d are held, and %d get through.\n", len(trials()), counts[asked], counts[held], counts[through])
	return b.String()
}
