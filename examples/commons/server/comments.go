package server

import (
	"net/http"
	"slices"
	"strings"
)

func (s *Server) commentRoutes() {
	s.api("GET /posts/{id}/comments", func(r request) (answer, error) {
		p, err := s.visible(r)
		if err != nil {
			return answer{}, err
		}
		return ok(map[string]any{"comments": s.thread(r.me, p.ID, "", 0)})
	})
	s.api("POST /posts/{id}/comments", s.newComment)
	s.api("POST /comments/{id}/upvote", func(r request) (answer, error) {
		c := s.state.comment(r.PathValue("id"))
		if c == nil || !c.seenBy(r.me) {
			return answer{}, no(http.StatusNotFound, "Comment not found")
		}
		return vote(r, &c.item, 1)
	})
	s.api("DELETE /comments/{id}", func(r request) (answer, error) {
		c := s.state.comment(r.PathValue("id"))
		switch {
		case c == nil:
			return answer{}, no(http.StatusNotFound, "Comment not found")
		case c.Author != r.me.Name:
			return answer{}, no(http.StatusForbidden, "You can only delete your own comments")
		}
		c.Content = "[deleted]" // its replies stay
		return answer{status: http.StatusNoContent}, nil
	})
}

func (s *Server) newComment(r request) (answer, error) {
	if err := s.special(r.me, "comment"); err != nil {
		return answer{}, err
	}
	p, err := s.visible(r)
	if err != nil {
		return answer{}, err
	}
	var in struct {
		Content string  `json:"content"`
		Parent  *string `json:"parent_id"`
	}
	if err := r.into(&in); err != nil {
		return answer{}, err
	}
	if strings.TrimSpace(in.Content) == "" || len(in.Content) > 10000 {
		return answer{}, no(http.StatusBadRequest, "Content must have 1 to 10000 characters")
	}
	c := &comment{item: s.newItem(r.me, in.Content), Post: p.ID}
	told := p.Author
	if in.Parent != nil && *in.Parent != "" {
		parent := s.state.comment(*in.Parent)
		if parent == nil || parent.Post != p.ID {
			return answer{}, no(http.StatusNotFound, "Parent comment not found")
		}
		c.Parent, told = parent.ID, parent.Author
	}
	s.state.Comments = append(s.state.Comments, c)
	if told != r.me.Name {
		s.notify(told, r.me.Name, "comment", p.ID, r.me.Name+" commented on "+p.Title)
	}
	shown := s.showComment(c)
	s.challenge(r.me, "comment", c.ID, shown, &c.Hidden)
	return created(map[string]any{"comment": shown})
}

func (s *Server) showComment(c *comment) map[string]any {
	out := map[string]any{"id": c.ID, "content": c.Content, "parent_id": nullable(c.Parent), "created_at": c.Created}
	if s.cfg.Generation == Live {
		out["author"], out["upvotes"], out["downvotes"] = map[string]any{"name": c.Author}, c.count(1), c.count(-1)
	} else {
		out["author_name"], out["score"] = c.Author, c.score()
	}
	return out
}

// thread nests comments below what they answer, to a bounded depth.
func (s *Server) thread(me *agent, postID, parent string, depth int) []any {
	list := []any{}
	if depth > 10 {
		return list
	}
	var here []*comment
	for _, c := range s.state.Comments {
		if c.Post == postID && c.Parent == parent && c.seenBy(me) {
			here = append(here, c)
		}
	}
	slices.SortStableFunc(here, func(a, b *comment) int { return b.score() - a.score() })
	for _, c := range here {
		shown := s.showComment(c)
		shown["replies"] = s.thread(me, postID, c.ID, depth+1)
		list = append(list, shown)
	}
	return list
}
