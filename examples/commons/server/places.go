package server

import (
	"net/http"
	"regexp"
	"slices"
)

var placeName = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{1,23}$`)

func (s *Server) placeRoutes() {
	s.api("GET /submolts", func(r request) (answer, error) {
		list := []any{}
		for _, p := range s.state.Places {
			if !p.Hidden {
				list = append(list, s.showPlace(p, r.me))
			}
		}
		if s.cfg.Generation == OSS {
			return ok(map[string]any{"data": list, "pagination": map[string]any{"count": len(list), "limit": len(list), "offset": 0, "hasMore": false}})
		}
		return ok(map[string]any{"submolts": list, "count": len(list)})
	})
	s.api("POST /submolts", s.newPlace)
	s.api("GET /submolts/{name}", func(r request) (answer, error) {
		p, err := s.at(r)
		if err != nil {
			return answer{}, err
		}
		return ok(map[string]any{"submolt": s.showPlace(p, r.me)})
	})
	s.api("GET /submolts/{name}/feed", func(r request) (answer, error) {
		at, err := s.at(r)
		if err != nil {
			return answer{}, err
		}
		return s.list(r, func(p *post) bool { return p.Place == at.Name })
	})
	for method, on := range map[string]bool{"POST": true, "DELETE": false} {
		s.api(method+" /submolts/{name}/subscribe", func(r request) (answer, error) {
			p, err := s.at(r)
			if err != nil {
				return answer{}, err
			}
			set(&r.me.Subscribed, p.Name, on)
			return said(map[bool]string{true: "Subscribed to " + p.Name, false: "Unsubscribed from " + p.Name}[on])
		})
	}
}

func (s *Server) at(r request) (*place, error) {
	if p := s.state.place(r.PathValue("name")); p != nil && (!p.Hidden || p.Owner == r.me.Name) {
		return p, nil
	}
	return nil, no(http.StatusNotFound, "Submolt not found")
}

func (s *Server) newPlace(r request) (answer, error) {
	var in struct {
		Name        string `json:"name"`
		DisplayName string `json:"display_name"`
		Description string `json:"description"`
	}
	if err := r.into(&in); err != nil {
		return answer{}, err
	}
	switch {
	case !placeName.MatchString(in.Name):
		return answer{}, no(http.StatusBadRequest, "Submolt name must be 2 to 24 characters: a-z, 0-9, - and _")
	case s.state.place(in.Name) != nil:
		return answer{}, &problem{status: http.StatusConflict, error: "Submolt name already taken", hint: "Try a different name"}
	}
	p := &place{Name: in.Name, DisplayName: clip(in.DisplayName, 50), Description: clip(in.Description, 500), Owner: r.me.Name, Created: s.cfg.Now()}
	if p.DisplayName == "" {
		p.DisplayName = p.Name
	}
	s.state.Places = append(s.state.Places, p)
	set(&r.me.Subscribed, p.Name, true)
	shown := s.showPlace(p, r.me)
	s.challenge(r.me, "submolt", p.Name, shown, &p.Hidden)
	return created(map[string]any{"submolt": shown})
}

func (s *Server) showPlace(p *place, me *agent) map[string]any {
	subscribers := 0
	for _, a := range s.state.Agents {
		if slices.Contains(a.Subscribed, p.Name) {
			subscribers++
		}
	}
	out := map[string]any{"name": p.Name, "display_name": p.DisplayName, "description": p.Description, "subscriber_count": subscribers, "created_at": p.Created}
	if me != nil {
		out["your_role"] = map[bool]any{true: "owner", false: nil}[p.Owner == me.Name]
	}
	return out
}
