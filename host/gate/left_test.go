package gate

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/ambithost/ambit/host/clock"
	"github.com/ambithost/ambit/sdk/capability"
	"github.com/ambithost/ambit/sdk/protocol"
)

// turnEnds is why a turn can't wait any longer.
var turnEnds = &Leaving{protocol.Errorf(protocol.Timeout, "the turn took too long")}

// purchase is an effect of a turn that policy asks about; done counts.
func purchase(done *int) Effect {
	e := inSession(effect("card.charge", func(context.Context, *Flight) error { *done++; return nil }), "s")
	e.Attributes = capability.Attributes{"amount": int64(5), "currency": "USD", "merchant": "m"}
	return e
}

// asked asks, and leaves the question behind for that reason.
func asked(t *testing.T, w *world, g *Gate, e Effect, why error) Approval {
	t.Helper()
	ctx, cancel := context.WithCancelCause(t.Context())
	result := make(chan error, 1)
	go func() { result <- g.Do(ctx, e) }()
	a := next(w, Waiting, false)
	cancel(why)
	if err := <-result; err == nil {
		t.Fatal("it was done")
	}
	return a
}

// next is the next approval of that state that the host hears of.
func next(w *world, s State, left bool) Approval {
	for a := range w.notified {
		if a.State == s && a.Left == left {
			return a
		}
	}
	return Approval{}
}

func opened(t *testing.T) (*world, *Gate) {
	t.Helper()
	w := newWorld()
	w.decision = asking("why")
	g := w.open(t)
	grantAll(t, g, w)
	return w, g
}

// TestAQuestionOutlivesItsTurn, and its answer lets exactly that be done, once.
func TestAQuestionOutlivesItsTurn(t *testing.T) {
	t.Parallel()
	for _, restart := range []bool{false, true} {
		w, g := opened(t)
		n := 0
		e := purchase(&n)
		a := asked(t, w, g, e, turnEnds)
		if restart {
			g = w.open(t)
		}
		if list := g.Approvals(); len(list) != 1 || !list[0].Left {
			t.Fatalf("waiting: %+v", list)
		}
		if id, ok := g.Asked("t", a.Resource); !ok || id != a.ID {
			t.Errorf("Asked: %d, %v", id, ok)
		}
		if err := answer(g, a, true); err != nil {
			t.Fatal(err)
		}
		if got := next(w, Approved, true); got.ID != a.ID {
			t.Errorf("the host heard of %+v", got)
		}
		if restart {
			g = w.open(t)
		}
		if list, err := g.Untold(t.Context()); err != nil || len(list) != 1 || list[0].ID != a.ID {
			t.Errorf("untold: %+v, %v", list, err)
		}
		if err := g.Do(t.Context(), e); err != nil || n != 1 {
			t.Fatalf("after the yes: %v, done %d times", err, n)
		}
		if restart {
			g = w.open(t)
		}
		again := asked(t, w, g, e, turnEnds) // it asks anew
		if again.ID == a.ID || n != 1 {
			t.Errorf("a yes counted twice: %d, done %d times", again.ID, n)
		}
	}
}

// TestAYesIsForOneRequest: nothing else is let through by it.
func TestAYesIsForOneRequest(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*world, *Gate, *Effect){
		"more":            func(_ *world, _ *Gate, e *Effect) { e.Attributes["amount"] = int64(6) },
		"other arguments": func(_ *world, _ *Gate, e *Effect) { e.Args = []byte(`{"x":1}`) },
		"another session": func(_ *world, _ *Gate, e *Effect) { e.Origin.Session = "s2" },
		"another actor":   func(_ *world, _ *Gate, e *Effect) { e.Actor.ID = "b" },
		"another grant": func(w *world, g *Gate, e *Effect) {
			if _, err := g.Revoke(t.Context(), owner, e.Plugin, ""); err != nil {
				t.Error(err)
			}
			grantAll(t, g, w)
		},
		"after its time": func(_ *world, g *Gate, _ *Effect) {
			g.cfg.Clock = clock.NewManual(time.Now().Add(time.Hour))
		},
		"after a kill": func(_ *world, g *Gate, _ *Effect) {
			if _, err := g.Kill(t.Context(), owner, All, ""); err != nil {
				t.Error(err)
			}
			if _, err := g.Resume(t.Context(), All); err != nil {
				t.Error(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, g := opened(t)
			n := 0
			e := purchase(&n)
			a := asked(t, w, g, e, turnEnds)
			if err := answer(g, a, true); err != nil {
				t.Fatal(err)
			}
			next(w, Approved, true)
			change(w, g, &e)
			if other := asked(t, w, g, e, errors.New("gone")); other.ID == a.ID || n != 0 {
				t.Errorf("done %d times by the yes to %d", n, a.ID)
			}
		})
	}
}

// TestWhatEndsAQuestion: who is killed, revoked or just gone leaves none behind,
// and a kill ends those that were left.
func TestWhatEndsAQuestion(t *testing.T) {
	t.Parallel()
	w, g := opened(t)
	n := 0
	for _, why := range []error{protocol.Errorf(protocol.Killed, "stop"), errors.New("gone"), protocol.Errorf(protocol.Timeout, "interrupted")} {
		a := asked(t, w, g, purchase(&n), why)
		if err := answer(g, a, true); protocol.CodeOf(err) != protocol.NotFound {
			t.Errorf("%v: %v", why, err)
		}
	}
	call := purchase(&n)
	call.Origin.Turn = "" // nobody could be told
	a := asked(t, w, g, call, turnEnds)
	if err := answer(g, a, true); protocol.CodeOf(err) != protocol.NotFound {
		t.Errorf("of no turn: %v", err)
	}
	a = asked(t, w, g, purchase(&n), turnEnds)
	if _, err := g.Kill(t.Context(), owner, All, ""); err != nil {
		t.Fatal(err)
	}
	if err := answer(g, a, true); protocol.CodeOf(err) != protocol.NotFound || w.approvals[a.ID].State != Expired {
		t.Errorf("after a kill: %v, %s", err, w.approvals[a.ID].State)
	}
	if list := w.open(t).Approvals(); len(list) != 0 {
		t.Errorf("after a restart there wait %+v", list)
	}
}

// TestWhoAsksAgainWaitsForTheSameAnswer: one question, and nothing is told twice.
func TestWhoAsksAgainWaitsForTheSameAnswer(t *testing.T) {
	t.Parallel()
	w, g := opened(t)
	n := 0
	a := asked(t, w, g, purchase(&n), turnEnds)
	next(w, Waiting, true)
	result := charge(g, purchase(&n))
	for g.Approvals()[0].Left {
		time.Sleep(time.Millisecond)
	}
	if err := answer(g, a, true); err != nil {
		t.Fatal(err)
	}
	if err := <-result; err != nil || n != 1 {
		t.Errorf("%v, done %d times", err, n)
	}
	if got := <-w.notified; got.State != Approved || got.Left {
		t.Errorf("the host heard of %+v", got)
	}
	if list, err := g.Untold(t.Context()); err != nil || len(list) != 0 {
		t.Errorf("to be told: %+v, %v", list, err)
	}
}

// TestAnswersMeetLeaving: whatever comes first, an answer is told to somebody and
// a yes does at most what it is for.
func TestAnswersMeetLeaving(t *testing.T) {
	t.Parallel()
	w, g := opened(t)
	for range 200 {
		n := 0
		ctx, cancel := context.WithCancelCause(t.Context())
		result := make(chan error, 1)
		go func() { result <- g.Do(ctx, purchase(&n)) }()
		a := next(w, Waiting, false)
		answered := make(chan error, 1)
		go func() { answered <- answer(g, a, true) }()
		cancel(turnEnds)
		err := <-result
		if err := <-answered; err != nil {
			t.Fatal(err)
		}
		list, listErr := g.Untold(t.Context())
		if listErr != nil || (err == nil) != (n == 1) || (err == nil) != (len(list) == 0) {
			t.Fatalf("%v, done %d times, untold %+v, %v", err, n, list, listErr)
		}
		for _, u := range list {
			if err := g.Do(t.Context(), purchase(&n)); err != nil || n != 1 {
				t.Fatalf("%v, done %d times", err, n)
			}
			_ = u
		}
	}
}

// TestASubAgentsQuestionEndsWithIt: nobody is left to go on with the answer, after
// its turn and after a crash.
func TestASubAgentsQuestionEndsWithIt(t *testing.T) {
	t.Parallel()
	w, g := opened(t)
	n := 0
	e := purchase(&n)
	e.Origin.Session, e.Origin.Bounds = SubSession+"1", Within(nil, "t0", nil, []string{"card.charge"})
	if a := asked(t, w, g, e, turnEnds); len(g.Approvals()) != 0 || w.approvals[a.ID].State != Expired {
		t.Errorf("it waits on: %+v", w.approvals[a.ID])
	}
	ctx, cancel := context.WithCancel(t.Context())
	over := make(chan error, 1)
	go func() { over <- g.Do(ctx, e) }()
	a := next(w, Waiting, false)
	if again := w.open(t); len(again.Approvals()) != 0 || w.approvals[a.ID].State != Expired {
		t.Errorf("it outlives a crash: %+v", w.approvals[a.ID])
	}
	cancel()
	if err := <-over; err == nil || n != 0 {
		t.Errorf("done %d times, %v", n, err)
	}
}
