package provenance

import (
	"regexp"
	"slices"
)

// How many readings of a value are searched for, and of how many bytes together.
const (
	maxVariants     = 64
	maxVariantBytes = 1 << 20
)

// variant is one reading of a value: as it stands, or with an encoding taken off
// the whole or a part of it.
type variant struct {
	*layer
	// from and to are the part of the value's own tight form that this reading
	// accounts for; whole readings account for all of it.
	from, to int
	whole    bool
	// opaque: the encoding was chosen by whoever wrote the value, and the choice
	// (which letters, which case, what between them) may be a message itself.
	opaque bool
}

// needless matches escapes of characters that need none.
var needless = regexp.MustCompile(`(?i)%(2d|2e|3\d|[46][1-9a-f]|[57][0-9a]|5f|7e)|\\u00([46][1-9a-f]|[57][0-9a]|3\d|20)|\\x|&#`)

// variants are the readings of a value, itself first. cut says that it has more
// than are searched for.
func variants(value string) (all []variant, cut bool) {
	own, bytes, seen, texts := tight(value), 0, map[string]bool{}, map[string]bool{}
	type node struct {
		variant
		depth int
		turns bool // turned readings of it are searched for too
	}
	var queue []node
	push := func(n node, how []string, text string) {
		n.layer = newLayer(text, slices.Concat(n.how, how))
		if len(all) > 0 && (text == "" || texts[text]) {
			return
		}
		texts[text] = true
		if bytes += len(text); len(all) == maxVariants || len(texts) == 4*maxVariants || bytes > maxVariantBytes && len(all) > 0 {
			cut = true
			return
		}
		if !seen[n.tight] {
			seen[n.tight] = true
			all = append(all, n.variant)
		}
		if n.depth < maxDepth {
			queue = append(queue, n)
		}
	}
	push(node{variant: variant{layer: &layer{}, to: len(own), whole: true}, turns: true}, nil, value)
	for ; len(queue) > 0; queue = queue[1:] {
		n := queue[0]
		inner := node{n.variant, n.depth + 1, true}
		s := clean(n.text)
		if text, how := unescape(s); len(how) > 0 {
			escaped := inner
			escaped.opaque = n.opaque || needless.MatchString(s)
			push(escaped, how, text)
		}
		inner.opaque = true
		if how, text := token(s); how != "" {
			push(inner, []string{how}, text)
		}
		if text := selectors(n.text); text != "" {
			push(node{inner.aside(), inner.depth, true}, []string{"variation selectors"}, text)
		}
		found, more := parts(s, maxVariants)
		cut = cut || more
		for _, p := range found {
			in := inner
			switch all := tight(s[:p.from]+s[p.to:]) == ""; {
			case all: // what accounts for it accounts for n
			case len(n.how) == 0:
				in.from, in.to, in.whole = len(tight(s[:p.from])), len(tight(s[:p.to])), false
			default: // a part of a part: shown, but accounts for nothing
				in.variant = in.aside()
			}
			push(in, []string{p.how}, p.text)
		}
		for _, turn := range turns[1:] {
			if turned := (node{n.variant, n.depth, false}); n.turns {
				turned.opaque = true
				push(turned, []string{turn.name}, turn.apply(n.text))
			}
		}
	}
	return all, cut
}

// aside is a reading that is shown where it is found, and accounts for nothing.
func (v variant) aside() variant {
	v.from, v.to, v.whole = 0, 0, false
	return v
}
