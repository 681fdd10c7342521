package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ambithost/ambit/plugins/social/moltbook/api"
	"github.com/ambithost/ambit/sdk"
	"github.com/ambithost/ambit/sdk/protocol"
)

// rate is so many uses in a time.
type rate struct {
	n   int
	per time.Duration
}

// pace keeps the server's limits before the server has to. Every use is a key of
// its own in the plugin's store, with the time in its name: two calls at once
// both count, and nothing but times is kept.
type pace struct {
	live   bool
	faster float64
}

// Keys are used/KIND/NANOSECONDS, until/KIND/NANOSECONDS, and since/NANOSECONDS
// of the registration.
const (
	used  = "used/"
	until = "until/"
	since = "since/"
)

const (
	longestWait = 24 * time.Hour // that a server may ask for
	maxClean    = 8              // old keys that one request clears away
)

func newPace(limits, faster string) (pace, error) {
	f, err := strconv.ParseFloat(faster, 64)
	if err != nil || f < 1 || f > 1e6 {
		return pace{}, protocol.Errorf(protocol.Invalid, "configuration faster: %q: want a number from 1 to a million", faster)
	}
	if limits != "live" && limits != "oss" {
		return pace{}, protocol.Errorf(protocol.Invalid, "configuration limits: %q: want live or oss", limits)
	}
	return pace{live: limits == "live", faster: f}, nil
}

// rates are those that the servers' documentation gives, see docs/moltbook.md.
func (p pace) rates(kind string, young bool) []rate {
	var list []rate
	switch {
	case !p.live:
		list = map[string][]rate{"read": {{100, time.Minute}}, "post": {{1, 30 * time.Minute}}, "comment": {{50, time.Hour}}}[kind]
	case young && kind == "post":
		list = []rate{{1, 2 * time.Hour}}
	case young && kind == "comment":
		list = []rate{{1, time.Minute}, {20, 24 * time.Hour}}
	default:
		list = map[string][]rate{"read": {{60, time.Minute}}, "write": {{30, time.Minute}}, "post": {{1, 30 * time.Minute}}, "comment": {{1, 20 * time.Second}, {50, 24 * time.Hour}}}[kind]
	}
	out := make([]rate, len(list))
	for i, r := range list {
		out[i] = rate{r.n, p.scaled(r.per)}
	}
	return out
}

func (p pace) scaled(d time.Duration) time.Duration { return time.Duration(float64(d) / p.faster) }

// kinds are the limits that a request falls under, the widest first. The first
// open server counts all requests alike.
func (p pace) kinds(a ask) []string {
	list := []string{"read"}
	if a.method != "GET" && p.live {
		list = []string{"write"}
	}
	if a.kind != "" {
		list = append(list, a.kind)
	}
	return list
}

// take notes a use under each limit, or says when there will be room. It is noted
// before the request goes out and stays noted when the server refuses: a post
// that failed may have used its slot.
func (p pace) take(ctx context.Context, h *sdk.Host, a ask) (keys []string, err error) {
	clock, err := h.Clock(ctx)
	if err != nil {
		return nil, err
	}
	young, err := p.young(ctx, h, clock.Now)
	if err != nil {
		return nil, err
	}
	clean := maxClean
	for _, kind := range p.kinds(a) {
		free, err := p.free(ctx, h, kind, young, clock.Now, &clean)
		if err != nil {
			return nil, err
		}
		if free.After(clock.Now) {
			return nil, tooEarly(kind, free, clock.Now, "by the limits that this plugin keeps; nothing was sent")
		}
	}
	for _, kind := range p.kinds(a) {
		key := used + kind + "/" + strconv.FormatInt(clock.Now.UnixNano(), 10)
		if err := h.Put(ctx, key, nil); err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	return keys, nil
}

func (p pace) giveBack(ctx context.Context, h *sdk.Host, keys []string) {
	for _, key := range keys {
		if err := h.Delete(ctx, key); err != nil {
			return // then it counts, which errs on the side of waiting
		}
	}
}

// free is when the next use of a kind may be; what is too old to count is cleared
// away on the way.
func (p pace) free(ctx context.Context, h *sdk.Host, kind string, young bool, now time.Time, clean *int) (time.Time, error) {
	var at time.Time
	blocked, err := times(ctx, h, until+kind+"/")
	if err != nil {
		return at, err
	}
	for _, t := range blocked {
		if t.After(now) && t.Sub(now) <= longestWait && t.After(at) {
			at = t
		}
	}
	uses, err := times(ctx, h, used+kind+"/")
	if err != nil {
		return at, err
	}
	longest := time.Duration(0)
	for _, r := range p.rates(kind, young) {
		longest = max(longest, r.per)
		recent := slices.DeleteFunc(slices.Clone(uses), func(t time.Time) bool { return !t.After(now.Add(-r.per)) || t.After(now) })
		if len(recent) >= r.n {
			if t := recent[len(recent)-r.n].Add(r.per); t.After(at) {
				at = t
			}
		}
	}
	old := func(prefix string, list []time.Time, before time.Time) {
		for _, t := range list {
			if t.After(before) || *clean <= 0 {
				return
			}
			*clean--
			_ = h.Delete(ctx, prefix+strconv.FormatInt(t.UnixNano(), 10)) // the next request tries again
		}
	}
	old(used+kind+"/", uses, now.Add(-longest))
	old(until+kind+"/", blocked, now)
	return at, nil
}

// times reads the times that keys end in, the oldest first.
func times(ctx context.Context, h *sdk.Host, prefix string) ([]time.Time, error) {
	keys, err := h.Keys(ctx, prefix)
	if err != nil {
		return nil, err
	}
	var out []time.Time
	for _, key := range keys {
		if n, err := strconv.ParseInt(strings.TrimPrefix(key, prefix), 10, 64); err == nil {
			out = append(out, time.Unix(0, n))
		}
	}
	slices.SortFunc(out, time.Time.Compare)
	return out, nil
}

// young tells an account in its first day, for which newer servers are stricter.
func (p pace) young(ctx context.Context, h *sdk.Host, now time.Time) (bool, error) {
	if !p.live {
		return false, nil
	}
	made, err := times(ctx, h, since)
	if err != nil || len(made) == 0 {
		return false, err
	}
	return now.Sub(made[len(made)-1]) < p.scaled(24*time.Hour), nil
}

// registered notes when the account was made.
func (p pace) registered(ctx context.Context, h *sdk.Host) error {
	clock, err := h.Clock(ctx)
	if err != nil {
		return err
	}
	return h.Put(ctx, since+strconv.FormatInt(clock.Now.UnixNano(), 10), nil)
}

// heed notes a server's word that nothing is left for now of such requests.
func (p pace) heed(ctx context.Context, h *sdk.Host, a ask, header sdk.Header) {
	left, err := strconv.ParseInt(strings.TrimSpace(header.Get("X-RateLimit-Remaining")), 10, 64)
	reset, err2 := strconv.ParseInt(strings.TrimSpace(header.Get("X-RateLimit-Reset")), 10, 64)
	if err != nil || err2 != nil || left > 0 || reset <= 0 || reset > 1<<40 {
		return
	}
	_ = p.block(ctx, h, p.kinds(a)[0], time.Unix(reset, 0)) // the server will say it again
}

func (p pace) block(ctx context.Context, h *sdk.Host, kind string, t time.Time) error {
	return h.Put(ctx, until+kind+"/"+strconv.FormatInt(t.UnixNano(), 10), nil)
}

// wait notes that the server wants to be left alone, and says until when.
func (p pace) wait(ctx context.Context, h *sdk.Host, a ask, header sdk.Header, doc api.Doc) error {
	clock, err := h.Clock(ctx)
	if err != nil {
		return err
	}
	d := api.Wait(doc)
	after := strings.TrimSpace(header.Get("Retry-After"))
	if n, err := strconv.ParseInt(after, 10, 64); err == nil && n > 0 && n < 1<<31 {
		d = max(d, time.Duration(n)*time.Second)
	} else if t, err := time.Parse(time.RFC1123, after); err == nil {
		d = max(d, t.Sub(clock.Now))
	}
	if d <= 0 {
		d = time.Minute
	}
	free := clock.Now.Add(min(d, longestWait))
	list := p.kinds(a)
	kind := list[len(list)-1] // the narrowest: after a post that came too early others may go on
	if err := p.block(ctx, h, kind, free); err != nil {
		return err
	}
	return tooEarly(kind, free, clock.Now, "says the server")
}

func tooEarly(kind string, free, now time.Time, who string) error {
	what := map[string]string{"read": "requests", "write": "requests that change something", "post": "posts", "comment": "comments"}[kind]
	return protocol.Errorf(protocol.Limit, "rate limited, %s for %s: again at %s, in %s", who, what, free.UTC().Format(time.RFC3339), wait(free.Sub(now)))
}

func wait(d time.Duration) string {
	if d < time.Minute {
		return fmt.Sprintf("%d seconds", int(d.Seconds())+1)
	}
	return fmt.Sprintf("%d minutes", int(d.Minutes())+1)
}
