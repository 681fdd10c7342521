package agent

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/ambithost/ambit/host/gate"
	"github.com/ambithost/ambit/sdk/model"
	"github.com/ambithost/ambit/sdk/protocol"
)

// Route is one model that an agent may ask.
type Route struct {
	Plugin string // empty: the [Model] chooses
	Model  string // as the provider knows it; empty: the plugin's default
}

func (r Route) String() string {
	switch {
	case r.Plugin == "":
		return "the model"
	case r.Model == "":
		return r.Plugin
	}
	return r.Plugin + "/" + r.Model
}

// Router is what a [Model] implements that knows which models an agent may ask,
// the first of them first.
type Router interface {
	Routes(agent string) []Route
}

const (
	maxRetries = 2 // of one model, before the next is asked
	// shortWait is waited within a turn before a model is asked again; if it
	// asks for more, the next one is asked. The last one is waited for longer:
	// there is nobody else.
	shortWait = 30 * time.Second
	longWait  = 2 * time.Minute
	// coolDown is how long later turns leave a model alone that failed, unless
	// it asks for another time; at most maxCoolDown.
	coolDown    = time.Minute
	maxCoolDown = 10 * time.Minute
)

// path is which models a turn may ask and what it learned about them. The next
// turn begins at the first again.
type path struct {
	routes []Route
	at     int
	room   int  // tokens that the model's context seems to have; 0: not known
	blind  bool // the model can't read images
}

// route lists the models and passes over those that failed a moment ago.
func (t *turn) route(ctx context.Context) error {
	cfg := t.a.cfg
	t.path = path{routes: []Route{{Plugin: cfg.ModelPlugin, Model: cfg.ModelName}}}
	if r, ok := cfg.Model.(Router); ok && cfg.ModelPlugin == "" {
		if routes := r.Routes(cfg.Name); len(routes) > 0 {
			t.path.routes = slices.Clone(routes)
		}
	}
	if t.session.Model != "" { // the configured ones stay behind it
		chosen := routeOf(t.session.Model)
		rest := slices.DeleteFunc(t.path.routes, func(r Route) bool { return r == chosen || r.Plugin == "" })
		t.path.routes = append([]Route{chosen}, rest...)
	}
	first := t.path.routes[0]
	until := t.a.cooling(first.Plugin)
	for t.path.at < len(t.path.routes)-1 && !t.a.cooling(t.path.current().Plugin).IsZero() {
		t.path.at++
	}
	if t.path.at == 0 {
		return nil
	}
	if !t.a.cooling(t.path.current().Plugin).IsZero() { // all are: then the first is as good as any
		t.path.at = 0
		return nil
	}
	return t.announce(ctx, fmt.Sprintf("%s failed a moment ago and is left alone until %s. This turn goes to %s.",
		first, until.In(cfg.Zone).Format("15:04:05"), t.path.current()))
}

func (p *path) current() Route { return p.routes[p.at] }

func (p *path) last() bool { return p.at == len(p.routes)-1 }

// announce tells owner and model what the host did about the turn's model. The
// words are the host's: a provider's own are in the event before it.
func (t *turn) announce(ctx context.Context, text string) error {
	return t.append(ctx, t.entry(FromHost, model.Message{Role: model.System, Text: text}))
}

// complete asks the turn's model and, when that does not help, makes room, or
// goes on to the next one.
func (t *turn) complete(ctx context.Context) (resp model.Response, end *ending) {
	var tooLong error // what the model said before room was made
	for {
		req, size, end := t.request(ctx)
		if end != nil && tooLong != nil && end.reason == Limited { // there is no more to leave out
			again, recordErr := t.mend(ctx, tooLong, size, false)
			if recordErr == nil && again {
				tooLong = nil
				continue
			}
			return resp, t.failed(ctx, "the model did not answer", errors.Join(tooLong, recordErr))
		}
		if end != nil {
			return resp, end
		}
		resp, partial, err := t.ask(ctx, req, t.preview)
		if err == nil {
			if resp.Usage == (model.Usage{}) { // a server that does not count
				resp.Usage = model.Usage{Input: tokensOfRequest(req), Output: tokensOf(model.Message{Text: resp.Text, Calls: resp.Calls})}
			}
			t.spend(resp)
			return resp, nil
		}
		again, recordErr := t.mend(ctx, err, size, hasImages(req))
		if recordErr != nil {
			return resp, t.failed(ctx, "a change of the model could not be recorded", recordErr)
		}
		if !again {
			return resp, t.modelFailed(ctx, partial, err)
		}
		tooLong = nil
		if protocol.CodeOf(err) == protocol.Limit {
			tooLong = err
		}
	}
}

// mend does what can help after an error and reports whether to ask again.
func (t *turn) mend(ctx context.Context, err error, size int, images bool) (again bool, recordErr error) {
	if ctx.Err() != nil || !canHelp(err) {
		return false, nil
	}
	p, code, from := &t.path, protocol.CodeOf(err), t.path.current()
	switch {
	case code == protocol.Limit && p.room == 0:
		p.room = size / 2
		t.publish(Event{Type: EventError, Code: code, Text: fmt.Sprintf("%v; asking again with less of the conversation", err)})
		return true, nil
	case code == protocol.Invalid && images && p.last():
		p.blind = true
		t.publish(Event{Type: EventError, Code: code, Text: err.Error()})
		return true, t.announce(ctx, fmt.Sprintf("%s can't read images. It is told where they are.", from))
	case p.last():
		return false, nil
	}
	p.at, p.room = p.at+1, 0
	if code != protocol.Limit && code != protocol.Invalid { // those are about this conversation
		t.a.cool(from.Plugin, protocol.WaitOf(err))
	}
	t.publish(Event{Type: EventError, Code: code, Text: err.Error()})
	return true, t.announce(ctx, fmt.Sprintf("%s %s. This turn goes on with %s.", from, trouble(code), p.current()))
}

// canHelp tells failures from refusals. A refusal is of that plugin, by the
// owner's grants, policy, budgets or kill switch: to ask another model instead
// would go around it.
func canHelp(err error) bool {
	if _, refused := errors.AsType[*gate.Denial](err); refused {
		return false
	}
	switch protocol.CodeOf(err) {
	case protocol.Denied, protocol.Declined, protocol.DryRun, protocol.Revoked, protocol.Killed, protocol.Unknown:
		return false
	}
	return true
}

func trouble(code protocol.Code) string {
	switch code {
	case protocol.Unavailable:
		return "can't serve now"
	case protocol.Timeout:
		return "took too long"
	case protocol.Limit:
		return "finds the conversation too long"
	case protocol.NotFound:
		return "is not installed, or not enabled"
	case protocol.Invalid:
		return "can't take this conversation"
	}
	return "failed"
}

// preview shows an answer while it comes; of a heartbeat's it is known at its end
// whether it is for the owner.
func (t *turn) preview(d model.Delta) {
	if t.kind != KindHeartbeat {
		t.publish(Event{Type: EventDelta, Text: d.Text})
	}
}

// ask asks one model, and again when waiting can help. onDelta may be nil.
func (t *turn) ask(ctx context.Context, req model.Request, onDelta func(model.Delta)) (resp model.Response, partial string, err error) {
	route, backoff := t.path.current(), t.a.cfg.Backoff
	if route.Model != "" {
		req.Model = route.Model
	}
	for retry := 0; ; retry++ {
		partial = ""
		resp, err = t.a.cfg.Model.Complete(ctx, t.origin(), route.Plugin, req, func(d model.Delta) {
			partial += d.Text
			if onDelta != nil {
				onDelta(d)
			}
		})
		code := protocol.CodeOf(err)
		if err == nil || ctx.Err() != nil || retry == maxRetries || !canHelp(err) || code != protocol.Unavailable && code != protocol.Timeout {
			return resp, partial, err
		}
		wait, longest := max(backoff, protocol.WaitOf(err)), shortWait
		if t.path.last() {
			longest = longWait
		}
		if wait > longest {
			return resp, partial, err
		}
		t.publish(Event{Type: EventError, Code: code, Text: fmt.Sprintf("%v; asking again in %v (%d of %d)", err, wait, retry+1, maxRetries)})
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return resp, partial, context.Cause(ctx)
		}
		backoff *= 2
	}
}

// spend adds an answer to the turn's books.
func (t *turn) spend(resp model.Response) {
	t.Usage.Input += resp.Usage.Input
	t.Usage.Output += resp.Usage.Output
	t.Usage.Cached += resp.Usage.Cached
	route := t.path.current()
	cost, known := int64(0), false
	if t.a.cfg.Price != nil {
		cost, known = t.a.cfg.Price(route, resp.Usage)
	}
	if known {
		t.Cost += cost
	} else {
		t.Unpriced += resp.Usage.Input + resp.Usage.Output
	}
}

// cool leaves a plugin alone for a while, in all sessions.
func (a *Agent) cool(plugin string, wait time.Duration) {
	if wait <= 0 {
		wait = coolDown
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.resting == nil {
		a.resting = map[string]time.Time{}
	}
	a.resting[plugin] = a.cfg.Clock.Now().Add(min(wait, maxCoolDown))
}

// cooling returns until when a plugin is left alone; zero: it is not.
func (a *Agent) cooling(plugin string) time.Time {
	a.mu.Lock()
	defer a.mu.Unlock()
	until := a.resting[plugin]
	if !until.After(a.cfg.Clock.Now()) {
		delete(a.resting, plugin)
		return time.Time{}
	}
	return until
}
