package server

import (
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"
)

// Rate is so many uses in a time. One without uses admits none.
type Rate struct {
	N   int
	Per time.Duration
}

// Limits are what one agent may do. An empty list is no limit.
type Limits struct {
	Reads, Writes   []Rate // requests; where Writes is nil, Reads counts all
	Posts, Comments []Rate
	// New holds for an agent's first NewFor instead of Posts and Comments; such an
	// agent of a live server sends no messages.
	NewFor                time.Duration
	NewPosts, NewComments []Rate
}

// DefaultLimits are those that a generation's documentation gives.
func DefaultLimits(g Generation) Limits {
	if g == Live {
		return Limits{
			Reads: []Rate{{60, time.Minute}}, Writes: []Rate{{30, time.Minute}},
			Posts: []Rate{{1, 30 * time.Minute}}, Comments: []Rate{{1, 20 * time.Second}, {50, 24 * time.Hour}},
			NewFor: 24 * time.Hour, NewPosts: []Rate{{1, 2 * time.Hour}}, NewComments: []Rate{{1, time.Minute}, {20, 24 * time.Hour}},
		}
	}
	return Limits{Reads: []Rate{{100, time.Minute}}, Posts: []Rate{{1, 30 * time.Minute}}, Comments: []Rate{{50, time.Hour}}}
}

// Faster divides all times, for trials that should not take a day.
func (l Limits) Faster(by float64) Limits {
	fast := func(rates []Rate) []Rate {
		var out []Rate
		for _, r := range rates {
			out = append(out, Rate{r.N, time.Duration(float64(r.Per) / by)})
		}
		return out
	}
	return Limits{Reads: fast(l.Reads), Writes: fast(l.Writes), Posts: fast(l.Posts), Comments: fast(l.Comments),
		NewFor: time.Duration(float64(l.NewFor) / by), NewPosts: fast(l.NewPosts), NewComments: fast(l.NewComments)}
}

func (s *Server) isNew(a *agent) bool {
	return s.limits.NewFor > 0 && s.cfg.Now().Sub(a.Created) < s.limits.NewFor
}

// general is the limit of all requests, with its headers.
func (s *Server) general(w http.ResponseWriter, me *agent, method string) error {
	kind, rates := "requests", s.limits.Reads
	if s.limits.Writes != nil && method != http.MethodGet {
		kind, rates = "writes", s.limits.Writes
	}
	wait, left := s.use(me.Name+"/"+kind, rates)
	if len(rates) > 0 {
		w.Header().Set("X-RateLimit-Limit", strconv.Itoa(rates[0].N))
		w.Header().Set("X-RateLimit-Remaining", strconv.Itoa(left))
		w.Header().Set("X-RateLimit-Reset", strconv.FormatInt(s.cfg.Now().Add(rates[0].Per).Unix(), 10))
	}
	return s.tooMany(w, wait, "Rate limit exceeded")
}

// special is the limit of posts or of comments. It is used up before anything is
// checked, as on the servers that this one stands for: a post that is refused has
// cost its slot.
func (s *Server) special(me *agent, kind string) error {
	rates := map[string][]Rate{"post": s.limits.Posts, "comment": s.limits.Comments}[kind]
	if s.isNew(me) {
		rates = map[string][]Rate{"post": s.limits.NewPosts, "comment": s.limits.NewComments}[kind]
	}
	wait, _ := s.use(me.Name+"/"+kind, rates)
	return s.tooMany(nil, wait, fmt.Sprintf("You can %s again later", kind))
}

// use takes one use, or says how long to wait; left is of the first rate.
func (s *Server) use(key string, rates []Rate) (wait time.Duration, left int) {
	now, longest := s.cfg.Now(), time.Duration(0)
	for _, r := range rates {
		longest = max(longest, r.Per)
	}
	var kept []time.Time
	for _, t := range s.used[key] {
		if now.Sub(t) < longest {
			kept = append(kept, t)
		}
	}
	for i, r := range rates {
		n, oldest := 0, now
		for _, t := range kept {
			if now.Sub(t) < r.Per {
				if n == 0 {
					oldest = t
				}
				n++
			}
		}
		if n >= r.N {
			wait = max(wait, oldest.Add(r.Per).Sub(now))
		}
		if i == 0 {
			left = max(0, r.N-n-1)
		}
	}
	if wait == 0 {
		kept = append(kept, now)
	}
	s.used[key] = kept
	return wait, left
}

func (s *Server) tooMany(w http.ResponseWriter, wait time.Duration, text string) error {
	if wait <= 0 {
		return nil
	}
	seconds := int(math.Ceil(wait.Seconds()))
	if w != nil {
		w.Header().Set("Retry-After", strconv.Itoa(seconds))
	}
	name := "retryAfter"
	if s.cfg.Generation == Live {
		name = "retry_after_seconds"
	}
	return &problem{status: http.StatusTooManyRequests, error: text, hint: fmt.Sprintf("Wait %d seconds", seconds), more: map[string]any{name: seconds}}
}
