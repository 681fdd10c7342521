package webhook

import (
	"sync"

	"golang.org/x/time/rate"
)

// rates bound how many messages are taken, by path. A path is known once a
// message for it was taken: strangers can't make there be more.
type rates struct {
	mu  sync.Mutex
	all map[string]*rate.Limiter
}

func (r *rates) spent(path string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	l := r.all[path]
	return l != nil && l.Tokens() < 1
}

func (r *rates) count(path string, route Route) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.all == nil {
		r.all = map[string]*rate.Limiter{}
	}
	if r.all[path] == nil {
		r.all[path] = rate.NewLimiter(rate.Every(route.Every), max(route.Burst, 1))
	}
	r.all[path].Allow()
}
