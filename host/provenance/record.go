package provenance

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// Record is where a value stands as one member of a record: an event's number
// beside its title, an address beside a person's name.
type Record struct {
	Source Source
	// Title is what the record is called there, for people.
	Title string
	// Percent is how many of the title's words stand in the owner's own words: of
	// all such records in the source the least. A record that somebody forged to
	// give a value another title so gains nothing where the real one was read too.
	Percent int
	// Own says that the value is what the record itself goes by, its number, and
	// not another member of it.
	Own bool
}

// Bounds of the search for records. Beyond them a record counts as one that the
// owner did not name.
const (
	maxRecordValue = 320
	maxRecordBytes = 4 << 10
	maxRecords     = 256 // places that are looked at for one value
)

// Records are the records in which the value stands, one a source, by what
// others wrote; the owner's words have none.
func (m *Material) Records(value string) (all []Record) {
	value = strings.TrimSpace(value)
	if m == nil || value == "" || len(value) > maxRecordValue {
		return nil
	}
	least := func(r Record) {
		i := slices.IndexFunc(all, func(o Record) bool { return o.Source.Same(r.Source) })
		switch {
		case i < 0:
			all = append(all, r)
		default: // the least of the records, and of those that are its own
			o := &all[i]
			if r.Own == o.Own && r.Percent < o.Percent || r.Own && !o.Own {
				*o = r
			}
		}
	}
	found := 0
	for _, in := range m.texts {
		source := m.sources[in.source]
		if source.Kind == Owner || len(in.layers) == 0 {
			continue
		}
		text := in.layers[0].text
		for at := 0; ; {
			i := strings.Index(text[at:], value)
			if i < 0 {
				break
			}
			from, to := at+i, at+i+len(value)
			at = from + 1
			if !bounded(text, from, to, false) {
				continue
			}
			if found++; found > maxRecords {
				least(Record{Source: source, Own: true})
				return all
			}
			if r, ok := recordAround(text, from, to); ok {
				least(Record{source, readable(r.title), m.said(r.title), r.own})
			}
		}
	}
	return all
}

// record is what stands around a place: what it is called, and whether the value
// there is its own number.
type record struct {
	title string
	own   bool
}

// recordAround reads the record of which the place is a member, whole and by
// itself. What merely stands within a member's text is in no record: whoever writes
// a mail does not choose what the mail's subject stands for.
func recordAround(text string, from, to int) (r record, ok bool) {
	if body := object(text, from, to); body != "" {
		return fromJSON(body, text[from:to])
	}
	return fromLines(item(text, from, to), text[from:to])
}

func fromJSON(body, value string) (r record, ok bool) {
	d := json.NewDecoder(strings.NewReader(body))
	d.UseNumber()
	var of map[string]any
	if d.Decode(&of) != nil {
		return r, false
	}
	for key, v := range of {
		switch v := v.(type) {
		case string:
			ok = ok || v == value
			r.own = r.own || v == value && lastWord(key, ids)
		case json.Number:
			ok = ok || v.String() == value
			r.own = r.own || v.String() == value && lastWord(key, ids)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(of)) {
		if title, is := of[key].(string); is && lastWord(key, titles) {
			r.title = title
			return r, ok
		}
	}
	return r, false
}

// fromLines reads "key: value" by line. A second number in the record may have
// been written into a text by others: then none is its own.
func fromLines(body, value string) (r record, ok bool) {
	numbers := 0
	for line := range strings.Lines(body) {
		found := lineMember.FindStringSubmatch(strings.TrimRight(line, "\r\n"))
		if found == nil {
			continue
		}
		is := strings.Trim(found[2], `"', `)
		number := lastWord(found[1], ids)
		if number {
			numbers++
		}
		ok = ok || is == value
		r.own = r.own || is == value && number
		if r.title == "" && lastWord(found[1], titles) {
			r.title = is
		}
	}
	r.own = r.own && numbers == 1
	return r, ok && r.title != ""
}

// titles are the last words of keys under which records say what they are called,
// ids of those under which they have their number, whatever they are of.
var (
	titles = map[string]bool{"title": true, "name": true, "filename": true, "subject": true, "summary": true, "headline": true, "label": true}
	ids    = map[string]bool{"id": true, "uid": true, "uuid": true, "number": true, "nr": true, "ref": true, "reference": true, "code": true}
)

func lastWord(key string, of map[string]bool) bool {
	words := strings.FieldsFunc(strings.ToLower(key), func(r rune) bool { return !unicode.IsLetter(r) })
	return len(words) > 0 && of[words[len(words)-1]]
}

// object is the innermost JSON object around a place.
func object(text string, from, to int) string {
	low, high := max(0, from-maxRecordBytes), min(len(text), to+maxRecordBytes)
	begin, depth := -1, 0
	for i := from - 1; i >= low && begin < 0; i-- {
		switch text[i] {
		case '}':
			depth++
		case '{':
			if depth == 0 {
				begin = i
			}
			depth--
		}
	}
	if begin < 0 {
		return ""
	}
	depth = 0
	for i := to; i < high; i++ {
		switch text[i] {
		case '{':
			depth++
		case '}':
			if depth == 0 {
				return text[begin : i+1]
			}
			depth--
		}
	}
	return ""
}

// item is the run of lines around a place that are one record: up to an empty
// line, the next item of the list, or a key that was there already.
func item(text string, from, to int) string {
	begin := strings.LastIndexByte(text[:from], '\n') + 1
	end := lineEnd(text, to)
	own, dash := column(text[begin:end])
	key := keyOf(text[begin:end])
	if key == "" {
		return ""
	}
	for first := dash; !first && begin > 0 && from-begin < maxRecordBytes; {
		above := strings.LastIndexByte(text[:begin-1], '\n') + 1
		line := text[above : begin-1]
		col, item := column(line)
		if strings.TrimSpace(line) == "" || keyOf(line) == key && col == own || col < own {
			break
		}
		begin, first = above, item && col == own
	}
	for end < len(text) && end-to < maxRecordBytes {
		next := lineEnd(text, end+1)
		line := text[end+1 : next]
		col, item := column(line)
		if strings.TrimSpace(line) == "" || keyOf(line) == key && col == own || col < own || item && col <= own {
			break
		}
		end = next
	}
	return text[begin:end]
}

func lineEnd(text string, from int) int {
	if from >= len(text) {
		return len(text)
	}
	if i := strings.IndexByte(text[from:], '\n'); i >= 0 {
		return from + i
	}
	return len(text)
}

// column is where a line's key begins, behind the dash of a list's item.
func column(line string) (col int, item bool) {
	rest := strings.TrimLeft(line, " \t")
	col = len(line) - len(rest)
	if strings.HasPrefix(rest, "- ") {
		return col + 2, true
	}
	return col, false
}

// lineMember is a line of a record: a key of few words, and its value.
var lineMember = regexp.MustCompile(`^[ \t]*(?:- )?["']?([\p{L}_][\p{L}\p{N}_.-]{0,30}(?: [\p{L}\p{N}_.-]{1,20}){0,2})["']?[ \t]*[:=](?:[ \t]+(.*)|$)`)

func keyOf(line string) string {
	if found := lineMember.FindStringSubmatch(line); found != nil {
		return strings.ToLower(found[1])
	}
	return ""
}

// extension is what a file's name ends in; people leave it out.
var extension = regexp.MustCompile(`\.[A-Za-z][A-Za-z0-9]{1,4}$`)

// said is how many of a title's telling words stand in the owner's words, in
// percent. One without such a word is not named by anything.
func (m *Material) said(title string) int {
	words := wordsOf(extension.ReplaceAllString(title, ""))
	told, have := 0, 0
	for w := range words {
		if idle[w] || len(w) < 3 && !isDigit(w[0]) {
			continue
		}
		told++
		if m.OwnerSays(w) {
			have++
		}
	}
	if told == 0 {
		return 0
	}
	return have * 100 / told
}

// idle are words that tell no two titles apart.
var idle = wordsOf("the and for from with your our his her its their this that about into are was were has have re fwd fw")

// OwnerSays reports whether the owner's words have one of these words, or a
// longer one that begins with it ("reserv": "reservation") if it has four letters.
func (m *Material) OwnerSays(words ...string) bool {
	if m == nil {
		return false
	}
	for _, in := range m.texts {
		for _, w := range words {
			if in.words[w] {
				return true
			}
			if len(w) < 4 {
				continue
			}
			for said := range in.words {
				if strings.HasPrefix(said, w) {
					return true
				}
			}
		}
	}
	return false
}

// wordsOf are the words of a text, each folded by itself.
func wordsOf(text string) map[string]bool {
	out := map[string]bool{}
	for w := range strings.FieldsFuncSeq(text, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r) }) {
		if w = tight(w); w != "" {
			out[w] = true
		}
	}
	return out
}
