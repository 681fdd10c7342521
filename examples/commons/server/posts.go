package server

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

func (s *Server) postRoutes() {
	s.api("GET /posts", func(r request) (answer, error) {
		return s.list(r, func(p *post) bool { name := r.URL.Query().Get("submolt"); return name == "" || p.Place == name })
	})
	s.api("GET /feed", func(r request) (answer, error) {
		if sort := r.URL.Query().Get("sort"); s.cfg.Generation == OSS && (sort == "" || sort == "hot") {
			return answer{}, no(http.StatusInternalServerError, "Internal server error") // as the first open server does
		}
		following := r.URL.Query().Get("filter") == "following" && s.cfg.Generation == Live
		return s.list(r, func(p *post) bool {
			return slices.Contains(r.me.Follows, p.Author) || !following && slices.Contains(r.me.Subscribed, p.Place)
		})
	})
	s.api("POST /posts", s.newPost)
	s.api("GET /posts/{id}", func(r request) (answer, error) {
		p, err := s.visible(r)
		if err != nil {
			return answer{}, err
		}
		return ok(map[string]any{"post": s.show(p)})
	})
	s.api("DELETE /posts/{id}", func(r request) (answer, error) {
		p, err := s.visible(r)
		switch {
		case err != nil:
			return answer{}, err
		case p.Author != r.me.Name:
			return answer{}, no(http.StatusForbidden, "You can only delete your own posts")
		}
		s.state.Posts = slices.DeleteFunc(s.state.Posts, func(o *post) bool { return o == p })
		s.state.Comments = slices.DeleteFunc(s.state.Comments, func(c *comment) bool { return c.Post == p.ID })
		return answer{status: http.StatusNoContent}, nil
	})
	for path, sign := range map[string]int{"upvote": 1, "downvote": -1} {
		s.api("POST /posts/{id}/"+path, func(r request) (answer, error) {
			p, err := s.visible(r)
			if err != nil {
				return answer{}, err
			}
			return vote(r, &p.item, sign)
		})
	}
	s.commentRoutes()
	s.api("GET /search", s.search)
}

func (s *Server) visible(r request) (*post, error) {
	if p := s.state.post(r.PathValue("id")); p != nil && p.seenBy(r.me) {
		return p, nil
	}
	return nil, no(http.StatusNotFound, "Post not found")
}

func (s *Server) newPost(r request) (answer, error) {
	if err := s.special(r.me, "post"); err != nil {
		return answer{}, err
	}
	var in struct {
		Submolt     string `json:"submolt"`
		SubmoltName string `json:"submolt_name"`
		Title       string `json:"title"`
		Content     string `json:"content"`
		URL         string `json:"url"`
	}
	if err := r.into(&in); err != nil {
		return answer{}, err
	}
	name := in.Submolt
	if s.cfg.Generation == Live {
		name = in.SubmoltName
	}
	switch u, err := url.Parse(in.URL); {
	case name == "":
		return answer{}, no(http.StatusBadRequest, "%s is required", map[Generation]string{OSS: "submolt", Live: "submolt_name"}[s.cfg.Generation])
	case strings.TrimSpace(in.Title) == "" || len(in.Title) > 300:
		return answer{}, no(http.StatusBadRequest, "Title must have 1 to 300 characters")
	case (in.Content == "") == (in.URL == ""):
		return answer{}, no(http.StatusBadRequest, "Either content or url is required, not both")
	case len(in.Content) > 40000:
		return answer{}, no(http.StatusBadRequest, "Content must be 40000 characters or less")
	case in.URL != "" && (err != nil || u.Host == ""):
		return answer{}, no(http.StatusBadRequest, "Invalid URL format")
	}
	at := s.state.place(name)
	if at == nil || at.Hidden {
		return answer{}, no(http.StatusNotFound, "Submolt not found")
	}
	p := &post{item: s.newItem(r.me, in.Content), Title: strings.TrimSpace(in.Title), URL: in.URL, Place: at.Name}
	s.state.Posts = append(s.state.Posts, p)
	shown := s.show(p)
	s.challenge(r.me, "post", p.ID, shown, &p.Hidden)
	return created(map[string]any{"post": shown})
}

func (s *Server) newItem(author *agent, content string) item {
	return item{ID: newID(), Author: author.Name, Content: content, Created: s.cfg.Now(), Votes: map[string]int{}}
}

// show is a post as the generation writes it.
func (s *Server) show(p *post) map[string]any {
	comments := 0
	for _, c := range s.state.Comments {
		if c.Post == p.ID && !c.Hidden {
			comments++
		}
	}
	out := map[string]any{"id": p.ID, "title": p.Title, "content": nullable(p.Content), "url": nullable(p.URL), "comment_count": comments, "created_at": p.Created}
	if s.cfg.Generation == Live {
		out["upvotes"], out["downvotes"] = p.count(1), p.count(-1)
		out["author"], out["submolt"] = map[string]any{"name": p.Author}, map[string]any{"name": p.Place}
		return out
	}
	out["score"], out["author_name"], out["submolt"], out["post_type"] = p.score(), p.Author, p.Place, "text"
	if p.URL != "" {
		out["post_type"] = "link"
	}
	return out
}

func nullable(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// list is a page of the posts that are shown, sorted.
func (s *Server) list(r request, in func(*post) bool) (answer, error) {
	var all []*post
	for _, p := range slices.Backward(s.state.Posts) {
		if p.seenBy(r.me) && in(p) {
			all = append(all, p)
		}
	}
	q := r.URL.Query()
	switch q.Get("sort") {
	case "", "hot", "top", "rising":
		slices.SortStableFunc(all, func(a, b *post) int { return b.score() - a.score() })
	case "new":
	default:
		return answer{}, no(http.StatusBadRequest, "Unknown sort")
	}
	limit, err := strconv.Atoi(q.Get("limit"))
	if err != nil || limit < 1 || limit > 100 {
		limit = 25
	}
	from, _ := strconv.Atoi(q.Get("offset"))
	if s.cfg.Generation == Live {
		b, _ := base64.RawURLEncoding.DecodeString(q.Get("cursor"))
		from, _ = strconv.Atoi(string(b))
	}
	from = min(max(from, 0), len(all))
	to := min(from+limit, len(all))
	page := []any{}
	for _, p := range all[from:to] {
		page = append(page, s.show(p))
	}
	if s.cfg.Generation == OSS {
		return ok(map[string]any{"data": page, "pagination": map[string]any{"count": len(page), "limit": limit, "offset": from, "hasMore": to < len(all)}})
	}
	body := map[string]any{"posts": page, "has_more": to < len(all)}
	if to < len(all) {
		body["next_cursor"] = base64.RawURLEncoding.EncodeToString([]byte(strconv.Itoa(to)))
	}
	return ok(body)
}

// vote counts, or takes back what was voted alike before.
func vote(r request, i *item, sign int) (answer, error) {
	if i.Author == r.me.Name {
		return answer{}, no(http.StatusBadRequest, "You cannot vote on your own content")
	}
	action := map[int]string{1: "upvoted", -1: "downvoted"}[sign]
	if i.Votes[r.me.Name] == sign {
		delete(i.Votes, r.me.Name)
		action = "removed"
	} else {
		i.Votes[r.me.Name] = sign
	}
	return ok(map[string]any{"message": "Vote " + action, "action": action, "author": map[string]any{"name": i.Author}})
}

// search looks for words; a similarity is only made up of how many are found.
func (s *Server) search(r request) (answer, error) {
	words := strings.Fields(strings.ToLower(r.URL.Query().Get("q")))
	if len(words) == 0 {
		return answer{}, no(http.StatusBadRequest, "q is required")
	}
	share := func(text string) float64 {
		n, text := 0, strings.ToLower(text)
		for _, w := range words {
			if strings.Contains(text, w) {
				n++
			}
		}
		return float64(n) / float64(len(words))
	}
	posts, agents, places, results := []any{}, []any{}, []any{}, []any{}
	for _, p := range slices.Backward(s.state.Posts) {
		if found := share(p.Title + " " + p.Content); found > 0 && p.seenBy(r.me) && len(posts) < 25 {
			shown := s.show(p)
			posts = append(posts, shown)
			results = append(results, map[string]any{"id": p.ID, "type": "post", "title": p.Title, "content": p.Content, "similarity": found,
				"author": shown["author"], "submolt": shown["submolt"], "post_id": p.ID})
		}
	}
	if s.cfg.Generation == Live {
		return ok(map[string]any{"results": results, "count": len(results)})
	}
	for _, a := range s.state.Agents {
		if share(a.Name+" "+a.Description) > 0 {
			agents = append(agents, map[string]any{"name": a.Name, "description": a.Description})
		}
	}
	for _, p := range s.state.Places {
		if share(p.Name+" "+p.Description) > 0 && !p.Hidden {
			places = append(places, s.showPlace(p, nil))
		}
	}
	return ok(map[string]any{"posts": posts, "agents": agents, "submolts": places})
}
