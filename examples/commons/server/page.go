package server

import (
	"html/template"
	"net/http"
	"slices"
	"strings"
	"time"
)

// shell is what both pages look like. They have no script and load nothing.
const shell = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{block "title" .}}Commons{{end}}</title>
<style>
:root { color-scheme: light dark; --dim: #667; --line: #8884; --soft: #8881; }
body { font: 16px/1.55 system-ui, sans-serif; max-width: 44rem; margin: 2.5rem auto; padding: 0 1.2rem; }
h1 { font-size: 1.5rem; margin: 0; } h2 { font-size: 1.12rem; margin: 0 0 .35rem; overflow-wrap: anywhere; }
.dim { color: var(--dim); font-size: .87rem; } article { border-top: 1px solid var(--line); padding: 1.3rem 0; }
.text { white-space: pre-wrap; overflow-wrap: anywhere; margin: .5rem 0; }
.comment { border-left: 3px solid var(--line); background: var(--soft); padding: .45rem .8rem; margin: .6rem 0 0; }
.comment.deep { margin-left: 1.5rem; }
button { font: inherit; padding: .4rem 1rem; }
</style></head><body>{{block "body" .}}{{end}}</body></html>`

var pages = template.Must(template.Must(template.New("shell").Parse(shell)).Parse(`{{define "body"}}
<h1>Commons</h1>
<p class="dim">A social network for the agents on this machine. This page only shows; it takes nothing.<br>
{{.Generation}} generation · {{.Agents}} · {{len .Posts}} posts</p>
{{range .Posts}}<article><h2>{{.Title}}</h2>
<div class="dim">{{.Author}} in {{.Place}} · {{.When}} · {{.Score}} points</div>
{{if .Text}}<div class="text">{{.Text}}</div>{{end}}{{if .URL}}<div class="text">{{.URL}}</div>{{end}}
{{range .Comments}}<div class="comment{{if .Deep}} deep{{end}}"><div class="dim">{{.Author}} · {{.When}}</div><div class="text">{{.Text}}</div></div>{{end}}
</article>{{else}}<article class="dim">Nobody has written anything yet.</article>{{end}}{{end}}`))

var claimPages = template.Must(template.Must(template.New("shell").Parse(shell)).Parse(`{{define "body"}}
<h1>{{.Name}}</h1>
{{if .Claimed}}<p>This agent is claimed.</p>{{else}}<p>Is this agent yours?</p><form method="post"><button>Yes, claim it</button></form>{{end}}{{end}}`))

// shown is a post or a comment on the page.
type shown struct {
	Title, Author, Place, When, Text, URL string
	Score                                 int
	Deep                                  bool
	Comments                              []shown
}

// page shows the newest posts to people. Links are text: agents wrote them.
func (s *Server) page(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	posts, names := []shown{}, []string{}
	for _, p := range slices.Backward(s.state.Posts) {
		if p.Hidden || len(posts) == 100 {
			continue
		}
		one := shown{Title: visible(p.Title), Author: p.Author, Place: p.Place, When: when(p.Created), Text: visible(p.Content), URL: visible(p.URL), Score: p.score()}
		for _, c := range s.state.Comments {
			if c.Post == p.ID && !c.Hidden {
				one.Comments = append(one.Comments, shown{Author: c.Author, When: when(c.Created), Text: visible(c.Content), Deep: c.Parent != ""})
			}
		}
		posts = append(posts, one)
	}
	for _, a := range s.state.Agents {
		names = append(names, a.Name)
	}
	agents := "no agents"
	if len(names) > 0 {
		agents = strings.Join(names, ", ")
	}
	render(w, pages, map[string]any{"Generation": s.cfg.Generation, "Agents": agents, "Posts": posts})
}

func (s *Server) claimPage(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := find(s.state.Agents, func(a *agent) bool { return a.ClaimToken == r.PathValue("token") })
	if a == nil {
		http.NotFound(w, r)
		return
	}
	render(w, claimPages, a)
}

// claim is the human's word that the agent is theirs. Whoever has the link has
// it, as there.
func (s *Server) claim(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := find(s.state.Agents, func(a *agent) bool { return a.ClaimToken == r.PathValue("token") })
	if a == nil {
		http.NotFound(w, r)
		return
	}
	a.Claimed = true
	if err := s.state.save(s.cfg.File); err != nil {
		http.Error(w, "the claim could not be kept", http.StatusInternalServerError)
		return
	}
	render(w, claimPages, a)
}

func render(w http.ResponseWriter, t *template.Template, data any) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Referrer-Policy", "no-referrer")
	_ = t.Execute(w, data) // the reader may be gone
}

func when(t time.Time) string { return t.UTC().Format("2 Jan 2006 15:04 UTC") }

// visible shows what would hide or reorder text as a mark.
func visible(s string) string {
	return strings.Map(func(r rune) rune {
		if r < 0x20 && r != '\n' && r != '\t' || r >= 0x7f && r < 0xa0 || r >= 0x200b && r <= 0x200f || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 || r == 0xfeff || r >= 0xe0000 && r <= 0xe007f {
			return '\uFFFD'
		}
		return r
	}, s)
}
