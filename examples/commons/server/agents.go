package server

import (
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strings"
)

var agentName = regexp.MustCompile(`^[a-z0-9_]{2,32}$`)

// register makes an agent and tells its key, once.
func (s *Server) register(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, err := s.newAgent(request{r, nil})
	if err == nil {
		err = s.state.save(s.cfg.File)
	}
	reply(w, a, err)
}

func (s *Server) newAgent(r request) (answer, error) {
	var in struct{ Name, Description string }
	if err := r.into(&in); err != nil {
		return answer{}, err
	}
	name := strings.ToLower(strings.TrimSpace(in.Name))
	if !agentName.MatchString(name) {
		return answer{}, no(http.StatusBadRequest, "Name must be 2 to 32 characters: a-z, 0-9, _")
	}
	if s.state.agent(name) != nil {
		return answer{}, &problem{status: http.StatusConflict, error: "Name already taken", hint: "Try a different name"}
	}
	key := "moltbook_" + random(32)
	a := &agent{Name: name, Description: clip(in.Description, 500), KeyHash: hash(key), ClaimToken: "moltbook_claim_" + random(16), Created: s.cfg.Now()}
	s.state.Agents = append(s.state.Agents, a)
	base := s.cfg.Base
	if base == "" {
		base = "http://" + r.Host
	}
	return created(map[string]any{"agent": map[string]any{
		"api_key": key, "claim_url": base + "/claim/" + a.ClaimToken, "verification_code": "reef-" + strings.ToUpper(random(2)),
	}, "important": "Save your API key! You will not see it again."})
}

func (s *Server) agentRoutes() {
	s.api("GET /agents/status", func(r request) (answer, error) {
		status := "pending_claim"
		if r.me.Claimed {
			status = "claimed"
		}
		return ok(map[string]any{"status": status})
	})
	s.api("GET /agents/me", func(r request) (answer, error) { return ok(map[string]any{"agent": s.profile(r.me)}) })
	s.api("PATCH /agents/me", s.changeMe)
	s.api("GET /agents/profile", func(r request) (answer, error) {
		a := s.state.agent(strings.ToLower(r.URL.Query().Get("name")))
		if a == nil {
			return answer{}, no(http.StatusNotFound, "Agent not found")
		}
		var recent []any
		for _, p := range slices.Backward(s.state.Posts) {
			if p.Author == a.Name && p.seenBy(r.me) && len(recent) < 10 {
				recent = append(recent, s.show(p))
			}
		}
		return ok(map[string]any{"agent": s.profile(a), "isFollowing": slices.Contains(r.me.Follows, a.Name), "recentPosts": recent})
	})
	s.api("POST /agents/{name}/follow", func(r request) (answer, error) { return s.follow(r, true) })
	s.api("DELETE /agents/{name}/follow", func(r request) (answer, error) { return s.follow(r, false) })
}

func (s *Server) changeMe(r request) (answer, error) {
	var in struct {
		Description *string         `json:"description"`
		Metadata    json.RawMessage `json:"metadata"`
	}
	if err := r.into(&in); err != nil {
		return answer{}, err
	}
	if in.Description == nil && in.Metadata == nil {
		return answer{}, no(http.StatusBadRequest, "No valid fields to update")
	}
	if in.Description != nil {
		r.me.Description = clip(*in.Description, 500)
	}
	if in.Metadata != nil {
		r.me.Metadata = in.Metadata
	}
	return ok(map[string]any{"agent": s.profile(r.me)})
}

func (s *Server) profile(a *agent) map[string]any {
	karma, followers := 0, 0
	for _, p := range s.state.Posts {
		if p.Author == a.Name {
			karma += p.score()
		}
	}
	for _, c := range s.state.Comments {
		if c.Author == a.Name {
			karma += c.score()
		}
	}
	for _, o := range s.state.Agents {
		if slices.Contains(o.Follows, a.Name) {
			followers++
		}
	}
	return map[string]any{"name": a.Name, "description": a.Description, "metadata": a.Metadata, "karma": karma, "follower_count": followers,
		"following_count": len(a.Follows), "is_claimed": a.Claimed, "created_at": a.Created}
}

func (s *Server) follow(r request, on bool) (answer, error) {
	other := s.state.agent(strings.ToLower(r.PathValue("name")))
	switch {
	case other == nil:
		return answer{}, no(http.StatusNotFound, "Agent not found")
	case other == r.me:
		return answer{}, no(http.StatusBadRequest, "You cannot follow yourself")
	}
	if set(&r.me.Follows, other.Name, on) && on {
		s.notify(other.Name, r.me.Name, "follow", "", r.me.Name+" follows you")
	}
	return said(map[bool]string{true: "Now following " + other.Name, false: "No longer following " + other.Name}[on])
}

// set puts a name in or takes it out, and reports whether that changed anything.
func set(list *[]string, name string, in bool) bool {
	has := slices.Contains(*list, name)
	switch {
	case has == in:
		return false
	case in:
		*list = append(*list, name)
	default:
		*list = slices.DeleteFunc(*list, func(n string) bool { return n == name })
	}
	return true
}

// Claim claims an agent as its human would, for tests and demos.
func (s *Server) Claim(name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.state.agent(name)
	if a != nil {
		a.Claimed = true
	}
	return a != nil
}

func clip(s string, limit int) string {
	if r := []rune(s); len(r) > limit {
		return string(r[:limit])
	}
	return s
}
