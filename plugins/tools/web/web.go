package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/net/html/charset"

	"github.com/ambithost/ambit/sdk"
	"github.com/ambithost/ambit/sdk/protocol"
)

const (
	maxBody      = 4 << 20 // bytes read of a page; the rest is left
	defaultLimit = 12000   // characters
	maxLimit     = 50000
	maxLinks     = 100 // links told of one part
)

func web() sdk.Plugin {
	return sdk.Plugin{
		Name:    "web",
		Version: "0.1.0",
		Tools: []sdk.Tool{{
			Name:        "fetch",
			Description: "Fetch a web page or text file and return its title, its main text, and the links in it. Long pages come in parts; ask for the next with offset.",
			Input: `{
				"type": "object",
				"properties": {
					"url": {"type": "string", "description": "Absolute URL, http or https."},
					"offset": {"type": "integer", "minimum": 0, "description": "Where to start in the text, in characters. 0 when absent."},
					"limit": {"type": "integer", "minimum": 1, "maximum": 50000, "description": "How many characters of the text to return at most. 12000 when absent."}
				},
				"required": ["url"],
				"additionalProperties": false
			}`,
			Handle: fetch,
		}},
	}
}

type fetchArgs struct {
	URL    string `json:"url"`
	Offset int    `json:"offset"`
	Limit  int    `json:"limit"`
}

func (a *fetchArgs) check() error {
	u, err := url.Parse(a.URL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return protocol.Errorf(protocol.Invalid, "url %.200q: want an absolute http or https URL", a.URL)
	}
	if u.User != nil {
		return protocol.Errorf(protocol.Invalid, "url: it holds a user name or password; the web plugin sends none")
	}
	if a.Limit == 0 {
		a.Limit = defaultLimit
	}
	if a.Offset < 0 || a.Limit < 1 || a.Limit > maxLimit {
		return protocol.Errorf(protocol.Invalid, "offset must be at least 0, limit from 1 to %d", maxLimit)
	}
	return nil
}

func fetch(ctx context.Context, c *sdk.Call) (sdk.Result, error) {
	var args fetchArgs
	if err := c.Bind(&args); err != nil {
		return sdk.Result{}, err
	}
	if err := args.check(); err != nil {
		return sdk.Result{}, err
	}
	resp, err := c.HTTP(ctx, sdk.Request{
		URL:    args.URL,
		Header: sdk.Header{"Accept": {"text/html,application/xhtml+xml,text/*;q=0.9,application/json;q=0.8,*/*;q=0.1"}, "User-Agent": {"ambit-web/0.1"}},
		Stream: true, Timeout: 30 * time.Second,
	})
	if err != nil {
		return sdk.Result{}, err
	}
	body, cut, err := readBody(resp.Body)
	if err != nil {
		return sdk.Result{}, fmt.Errorf("reading %s: %w", clean(resp.URL), err)
	}
	p, err := parse(resp.URL, resp.Header.Get("Content-Type"), body)
	if err != nil {
		return sdk.Result{}, err
	}
	p.cut = cut
	r := sdk.Text(p.show(resp.Status, args))
	r.IsError = resp.Status >= 400
	return r, nil
}

// readBody reads at most maxBody bytes and closes the body either way.
func readBody(r io.ReadCloser) (body []byte, cut bool, err error) {
	body, err = io.ReadAll(io.LimitReader(r, maxBody+1))
	_ = r.Close() // nothing is owed to a body that was read or given up
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, false, err
	}
	if len(body) > maxBody {
		return body[:maxBody], true, nil
	}
	return body, err != nil, nil
}

// page is a document made readable.
type page struct {
	url, title string
	text       string
	links      []link
	cut        bool // the document was longer than what was read
}

// link is told as "[n]" in the text.
type link struct {
	n   int
	url string
}

// parse makes a page of a body whose charset and type are told by its header,
// itself, or a guess.
func parse(base, contentType string, body []byte) (*page, error) {
	kind, _, err := mime.ParseMediaType(contentType)
	if err != nil || kind == "" {
		kind = sniff(body)
	}
	switch {
	case kind == "text/html" || kind == "application/xhtml+xml":
		return parseHTML(base, decode(body, contentType))
	case strings.HasPrefix(kind, "text/"), strings.HasSuffix(kind, "json"), strings.HasSuffix(kind, "xml"),
		kind == "application/javascript", kind == "application/yaml", kind == "application/x-yaml":
		if !utf8.Valid(body) {
			body = decode(body, contentType)
		}
		return &page{url: base, text: tidy(string(body))}, nil
	}
	return nil, protocol.Errorf(protocol.Failed, "%s is of type %s, %d bytes: not text", clean(base), clean(kind), len(body))
}

// sniff tells text from the rest when the server does not say.
func sniff(body []byte) string {
	head := body[:min(len(body), 1024)]
	switch {
	case bytes.IndexByte(head, 0) >= 0:
		return "application/octet-stream"
	case bytes.Contains(bytes.ToLower(head), []byte("<html")), bytes.Contains(bytes.ToLower(head), []byte("<!doctype html")):
		return "text/html"
	}
	return "text/plain"
}

// decode turns a body into UTF-8 by the rules of the HTML standard: byte order
// mark, header, meta element, then a guess.
func decode(body []byte, contentType string) []byte {
	encoding, _, _ := charset.DetermineEncoding(body[:min(len(body), 1024)], contentType)
	out, err := encoding.NewDecoder().Bytes(body)
	if err != nil {
		out = body
	}
	return bytes.ToValidUTF8(bytes.TrimPrefix(out, []byte("\ufeff")), []byte("\ufffd"))
}

// show writes the part of the page that was asked for.
func (p *page) show(status int, args fetchArgs) string {
	var b strings.Builder
	if p.title != "" {
		fmt.Fprintf(&b, "Title: %s\n", p.title)
	}
	fmt.Fprintf(&b, "URL: %s\n", clean(p.url))
	if status != 200 {
		fmt.Fprintf(&b, "Status: %d\n", status)
	}
	b.WriteByte('\n')
	runes := []rune(p.text)
	from := min(args.Offset, len(runes))
	to := min(from+args.Limit, len(runes))
	part := string(runes[from:to])
	b.WriteString(part)
	switch {
	case len(runes) == 0:
		b.WriteString("(the page has no text)")
	case from == len(runes):
		fmt.Fprintf(&b, "(the text ends at %d characters)", len(runes))
	case to < len(runes):
		fmt.Fprintf(&b, "\n\n(characters %d to %d of %d; the next part: offset %d)", from, to, len(runes), to)
	case p.cut:
		b.WriteString("\n\n(the page is longer than can be read)")
	}
	p.showLinks(&b, part)
	return b.String()
}

func (p *page) showLinks(b *strings.Builder, part string) {
	shown := 0
	for _, l := range p.links {
		mark := fmt.Sprintf("[%d]", l.n)
		if !strings.Contains(part, mark) {
			continue
		}
		if shown == 0 {
			b.WriteString("\n\nLinks:\n")
		}
		if shown++; shown > maxLinks {
			b.WriteString("and more\n")
			return
		}
		fmt.Fprintf(b, "%s %s\n", mark, l.url)
	}
}
