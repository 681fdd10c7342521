package main

import (
	"bytes"
	"fmt"
	"net/url"
	"strings"
	"unicode"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"

	"github.com/ambithost/ambit/sdk/protocol"
)

// maxDepth is how deep elements are followed; deeper ones lose their text.
const maxDepth = 600

func parseHTML(base string, body []byte) (*page, error) {
	root, err := html.Parse(bytes.NewReader(body))
	if err != nil {
		return nil, protocol.Errorf(protocol.Failed, "%s: the page is not readable as HTML: %v", clean(base), err)
	}
	w := &writer{page: &page{url: base}, seen: map[string]int{}}
	w.base, err = url.Parse(base)
	if err != nil {
		w.base = new(url.URL)
	}
	w.head(root, 0)
	w.walk(content(root), 0)
	w.page.text = tidy(w.out.String())
	return w.page, nil
}

// content chooses the part of a document that is about something: its main
// element or its only article, when that holds a good part of the text.
func content(root *html.Node) *html.Node {
	body := find(root, 0, func(n *html.Node) bool { return n.DataAtom == atom.Body })
	if body == nil {
		return root
	}
	main := find(body, 0, func(n *html.Node) bool { return n.DataAtom == atom.Main || attr(n, "role") == "main" })
	if main == nil {
		main = find(body, 0, func(n *html.Node) bool { return n.DataAtom == atom.Article })
	}
	if main != nil && textLen(main, 0)*4 >= textLen(body, 0) {
		return main
	}
	return body
}

func find(n *html.Node, depth int, is func(*html.Node) bool) *html.Node {
	if depth > maxDepth || n.Type == html.ElementNode && skipped(n) {
		return nil
	}
	if n.Type == html.ElementNode && is(n) {
		return n
	}
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		if hit := find(c, depth+1, is); hit != nil {
			return hit
		}
	}
	return nil
}

func textLen(n *html.Node, depth int) (size int) {
	if depth > maxDepth || n.Type == html.ElementNode && skipped(n) {
		return 0
	}
	if n.Type == html.TextNode {
		return len(strings.TrimSpace(n.Data))
	}
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		size += textLen(c, depth+1)
	}
	return size
}

// skipped are elements that a reader of the page does not see, or that are
// about the site instead of the page. Text hidden from people is where
// instructions to models like to stand.
func skipped(n *html.Node) bool {
	switch n.DataAtom {
	case atom.Script, atom.Style, atom.Noscript, atom.Template, atom.Svg, atom.Math, atom.Iframe, atom.Object, atom.Embed,
		atom.Canvas, atom.Audio, atom.Video, atom.Nav, atom.Button, atom.Select, atom.Textarea, atom.Input, atom.Dialog:
		return true
	}
	if hasAttr(n, "hidden") || attr(n, "aria-hidden") == "true" {
		return true
	}
	style := strings.ReplaceAll(strings.ToLower(attr(n, "style")), " ", "")
	return strings.Contains(style, "display:none") || strings.Contains(style, "visibility:hidden") ||
		strings.Contains(style, "font-size:0") || strings.Contains(style, "opacity:0;") || strings.HasSuffix(style, "opacity:0")
}

func hasAttr(n *html.Node, key string) bool {
	for _, a := range n.Attr {
		if a.Key == key {
			return true
		}
	}
	return false
}

func attr(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

// writer renders a tree as text in the manner of Markdown.
type writer struct {
	page *page
	base *url.URL
	out  strings.Builder
	seen map[string]int // link to its number
	pre  bool
}

// head takes title and base from a document.
func (w *writer) head(n *html.Node, depth int) {
	if depth > 4 {
		return
	}
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		switch {
		case c.DataAtom == atom.Title && w.page.title == "" && c.FirstChild != nil:
			w.page.title = strings.Join(strings.Fields(clean(c.FirstChild.Data)), " ")
		case c.DataAtom == atom.Base:
			if u, err := w.base.Parse(attr(c, "href")); err == nil {
				w.base = u
			}
		case c.DataAtom == atom.Html || c.DataAtom == atom.Head:
			w.head(c, depth+1)
		}
	}
}

// frames are what stands before and after the text of an element.
var frames = map[atom.Atom][2]string{
	atom.P: {"\n\n", "\n\n"}, atom.Div: {"\n", "\n"}, atom.Section: {"\n\n", "\n\n"}, atom.Article: {"\n\n", "\n\n"},
	atom.H1: {"\n\n# ", "\n\n"}, atom.H2: {"\n\n## ", "\n\n"}, atom.H3: {"\n\n### ", "\n\n"},
	atom.H4: {"\n\n#### ", "\n\n"}, atom.H5: {"\n\n##### ", "\n\n"}, atom.H6: {"\n\n###### ", "\n\n"},
	atom.Ul: {"\n", "\n"}, atom.Ol: {"\n", "\n"}, atom.Li: {"\n- ", ""}, atom.Dl: {"\n\n", "\n\n"}, atom.Dt: {"\n", "\n"}, atom.Dd: {"\n  ", "\n"},
	atom.Blockquote: {"\n\n> ", "\n\n"}, atom.Table: {"\n\n", "\n\n"}, atom.Tr: {"\n", ""}, atom.Td: {"", " | "}, atom.Th: {"", " | "},
	atom.Header: {"\n", "\n"}, atom.Footer: {"\n", "\n"}, atom.Aside: {"\n\n", "\n\n"}, atom.Figcaption: {"\n", "\n"}, atom.Main: {"\n", "\n"},
	atom.Br: {"\n", ""}, atom.Hr: {"\n\n---\n\n", ""}, atom.Code: {"`", "`"},
}

func (w *writer) walk(n *html.Node, depth int) {
	if depth > maxDepth {
		return
	}
	switch n.Type {
	case html.TextNode:
		w.text(n.Data)
		return
	case html.ElementNode:
		if skipped(n) {
			return
		}
	case html.DocumentNode:
	default:
		return
	}
	switch n.DataAtom {
	case atom.Pre:
		w.out.WriteString("\n\n```\n")
		w.pre = true
		w.children(n, depth)
		w.pre = false
		w.out.WriteString("\n```\n\n")
		return
	case atom.Img:
		if alt := strings.TrimSpace(attr(n, "alt")); alt != "" {
			w.text("(image: " + alt + ")")
		}
		return
	}
	frame := frames[n.DataAtom]
	if w.pre {
		frame = [2]string{}
	}
	w.out.WriteString(frame[0])
	w.children(n, depth)
	if n.DataAtom == atom.A {
		w.link(attr(n, "href"))
	}
	w.out.WriteString(frame[1])
}

func (w *writer) children(n *html.Node, depth int) {
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		w.walk(c, depth+1)
	}
}

func (w *writer) text(s string) {
	if w.pre {
		w.out.WriteString(s)
		return
	}
	if s == "" {
		return
	}
	words := strings.Join(strings.Fields(s), " ")
	if unicode.IsSpace(rune(s[0])) {
		w.out.WriteByte(' ')
	}
	w.out.WriteString(words)
	if words != "" && unicode.IsSpace(rune(s[len(s)-1])) {
		w.out.WriteByte(' ')
	}
}

// link notes where a link leads; the same place has one number.
func (w *writer) link(href string) {
	if href == "" || strings.HasPrefix(href, "#") || w.pre {
		return
	}
	u, err := w.base.Parse(strings.TrimSpace(href))
	if err != nil || u.Scheme != "http" && u.Scheme != "https" && u.Scheme != "mailto" {
		return
	}
	to := clean(u.String())
	if len(to) > 2000 {
		return
	}
	n, ok := w.seen[to]
	if !ok {
		n = len(w.page.links) + 1
		w.seen[to] = n
		w.page.links = append(w.page.links, link{n, to})
	}
	fmt.Fprintf(&w.out, "[%d]", n)
}
