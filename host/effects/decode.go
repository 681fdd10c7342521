package effects

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"

	"github.com/ambithost/ambit/sdk/protocol"
)

// Bounds of JSON that comes from plugins and models. They are checked before
// anything is built from it.
const (
	maxDepth  = 32      // of arguments
	maxValues = 200_000 // objects, lists, keys and scalars
)

// decode reads the arguments of an effect strictly: within the bounds, no
// unknown field, no key twice, nothing after the end. Empty arguments are {}.
func decode(what string, args []byte, into any) error {
	if len(bytes.TrimSpace(args)) == 0 {
		args = []byte("{}")
	}
	if err := checkJSON(args, protocol.MaxArgs, maxDepth); err != nil {
		return protocol.Errorf(protocol.CodeOf(err), "%s: %v", what, err)
	}
	d := json.NewDecoder(bytes.NewReader(args))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return protocol.Errorf(protocol.Invalid, "%s: %v", what, err)
	}
	return nil
}

// checkJSON holds a document to its bounds and refuses keys that occur twice
// in an object: readers differ in which one they take, so policy could judge
// one and the plugin use the other. At the top, keys that differ only in case
// count as the same, because some readers (encoding/json) take them so.
func checkJSON(b []byte, size, depth int) error {
	if len(b) > size {
		return protocol.Errorf(protocol.Limit, "%d bytes of JSON, the limit is %d", len(b), size)
	}
	if err := checkShape(b, depth); err != nil {
		return err
	}
	type level struct {
		keys map[string]struct{} // nil: a list
		key  bool                // the next token is a key
	}
	var stack []level
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	for {
		tok, err := d.Token()
		if errors.Is(err, io.EOF) && len(stack) == 0 {
			return protocol.Errorf(protocol.Invalid, "no JSON value")
		}
		if err != nil {
			return protocol.Errorf(protocol.Invalid, "malformed JSON: %v", err)
		}
		top := len(stack) - 1
		if key, is := tok.(string); is && top >= 0 && stack[top].key {
			if top == 0 {
				key = fold(key)
			}
			if _, twice := stack[top].keys[key]; twice {
				return protocol.Errorf(protocol.Invalid, "key %.80q occurs twice in an object", key)
			}
			stack[top].keys[key] = struct{}{}
			stack[top].key = false
			continue
		}
		switch tok {
		case json.Delim('{'), json.Delim('['):
			l := level{}
			if tok == json.Delim('{') {
				l = level{keys: map[string]struct{}{}, key: true}
			}
			stack = append(stack, l)
			continue
		case json.Delim('}'), json.Delim(']'):
			stack = stack[:top]
		}
		if top = len(stack) - 1; top >= 0 {
			stack[top].key = stack[top].keys != nil
			continue
		}
		if _, err := d.Token(); !errors.Is(err, io.EOF) {
			return protocol.Errorf(protocol.Invalid, "more than one JSON value")
		}
		return nil
	}
}

// fold brings names together that [strings.EqualFold] finds equal.
func fold(s string) string { return strings.ToLower(strings.ToUpper(s)) }

// checkShape bounds depth and the number of values in one pass over the bytes,
// without building anything.
func checkShape(b []byte, maxDepth int) error {
	depth, values, inString := 0, 0, false
	for i := 0; i < len(b); i++ {
		c := b[i]
		if inString {
			switch c {
			case '\\':
				i++
			case '"':
				inString = false
			}
			continue
		}
		switch c {
		case '"':
			inString = true
		case '{', '[':
			depth++
			values++
		case '}', ']':
			depth--
		case ',', ':':
			values++
		}
		if depth > maxDepth {
			return protocol.Errorf(protocol.Limit, "JSON nested deeper than %d", maxDepth)
		}
		if values > maxValues {
			return protocol.Errorf(protocol.Limit, "JSON with more than %d values", maxValues)
		}
	}
	return nil
}

// encode writes a result. Text is not escaped for HTML: it only grows by it.
func encode(v any) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, protocol.Errorf(protocol.Internal, "result: %v", err)
	}
	if buf.Len() > protocol.MaxArgs {
		return nil, protocol.Errorf(protocol.Limit, "the result has %d bytes, the limit is %d", buf.Len(), protocol.MaxArgs)
	}
	return bytes.TrimRight(buf.Bytes(), "\n"), nil
}
