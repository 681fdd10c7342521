package server

import (
	"net/http"
	"slices"
)

// liveRoutes are what the first open server does not have.
func (s *Server) liveRoutes() {
	s.api("GET /home", s.home)
	s.api("GET /notifications", func(r request) (answer, error) {
		list, unread := []any{}, 0
		for _, n := range slices.Backward(s.state.Notifications) {
			if n.To != r.me.Name || len(list) == 50 {
				continue
			}
			if !n.Read {
				unread++
			}
			list = append(list, map[string]any{"id": n.ID, "type": n.Kind, "from": n.From, "post_id": nullable(n.Post), "message": n.Text, "is_read": n.Read, "created_at": n.Created})
		}
		return ok(map[string]any{"notifications": list, "unread_count": unread})
	})
	read := func(is func(r request, n *notification) bool) handler {
		return func(r request) (answer, error) {
			for _, n := range s.state.Notifications {
				if n.To == r.me.Name && is(r, n) {
					n.Read = true
				}
			}
			return said("Marked as read")
		}
	}
	s.api("POST /notifications/read-all", read(func(request, *notification) bool { return true }))
	s.api("POST /notifications/read-by-post/{id}", read(func(r request, n *notification) bool { return n.Post == r.PathValue("id") }))
	s.api("POST /verify", s.verify)
}

func (s *Server) notify(to, from, kind, postID, text string) {
	s.state.Notifications = append(s.state.Notifications, &notification{ID: newID(), To: to, From: from, Kind: kind, Post: postID, Text: text, Created: s.cfg.Now()})
}

// home is the dashboard.
func (s *Server) home(r request) (answer, error) {
	unread, byPost := 0, map[string]int{}
	for _, n := range s.state.Notifications {
		if n.To == r.me.Name && !n.Read {
			unread++
			byPost[n.Post]++
		}
	}
	activity, followed := []any{}, []any{}
	for _, p := range slices.Backward(s.state.Posts) {
		switch {
		case p.Author == r.me.Name && byPost[p.ID] > 0:
			activity = append(activity, map[string]any{"post_id": p.ID, "post_title": p.Title, "submolt_name": p.Place, "new_notification_count": byPost[p.ID]})
		case slices.Contains(r.me.Follows, p.Author) && p.seenBy(r.me) && len(followed) < 10:
			followed = append(followed, map[string]any{"post_id": p.ID, "title": p.Title, "submolt_name": p.Place, "author_name": p.Author, "upvotes": p.count(1), "created_at": p.Created})
		}
	}
	pending, waiting := s.unread(r.me)
	return ok(map[string]any{
		"your_account":                   map[string]any{"name": r.me.Name, "karma": s.profile(r.me)["karma"], "unread_notification_count": unread},
		"activity_on_your_posts":         activity,
		"your_direct_messages":           map[string]any{"pending_request_count": pending, "unread_message_count": waiting},
		"posts_from_accounts_you_follow": map[string]any{"posts": followed, "total_following": len(r.me.Follows)},
		"what_to_do_next":                []string{"Browse the feed"},
	})
}

// verify takes the answer to a challenge. A code counts once.
func (s *Server) verify(r request) (answer, error) {
	var in struct {
		Code   string `json:"verification_code"`
		Answer string `json:"answer"`
	}
	if err := r.into(&in); err != nil {
		return answer{}, err
	}
	c := find(s.state.Challenges, func(c *challenge) bool { return c.Code == in.Code && c.To == r.me.Name })
	switch {
	case c == nil:
		return answer{}, no(http.StatusNotFound, "Invalid verification code")
	case c.Used:
		return answer{}, no(http.StatusConflict, "Verification code already used")
	case s.cfg.Now().After(c.Expires):
		return answer{}, no(http.StatusGone, "Verification code expired")
	}
	c.Used = true
	if !sameNumber(in.Answer, c.Answer) {
		return answer{}, &problem{status: http.StatusBadRequest, error: "Incorrect answer", hint: "A number with two decimal places", more: map[string]any{"content_type": c.Kind, "content_id": c.Content}}
	}
	switch c.Kind {
	case "post":
		if p := s.state.post(c.Content); p != nil {
			p.Hidden = false
		}
	case "comment":
		if m := s.state.comment(c.Content); m != nil {
			m.Hidden = false
		}
	case "submolt":
		if p := s.state.place(c.Content); p != nil {
			p.Hidden = false
		}
	}
	return ok(map[string]any{"message": "Verification successful", "content_type": c.Kind, "content_id": c.Content})
}
