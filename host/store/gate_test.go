package store

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ambithost/ambit/host/budget"
	"github.com/ambithost/ambit/host/gate"
	"github.com/ambithost/ambit/sdk/capability"
)

func TestGrants(t *testing.T) {
	t.Parallel()
	s, ctx := open(t), t.Context()
	now := time.Now().UTC().Truncate(time.Microsecond)
	g := gate.Grant{ID: "g1", Plugin: "p", Capability: "http.request", Created: now, Expires: now.Add(time.Hour),
		Scope: capability.Scope{Allow: map[string][]string{"hosts": {"a"}}, Max: map[string]int64{"max_x": 3}}}
	if err := s.SaveGrants(ctx, []gate.Grant{g}); err != nil {
		t.Fatal(err)
	}
	got, err := s.LoadGrants(ctx)
	if err != nil || len(got) != 1 || !got[0].Expires.Equal(g.Expires) || got[0].Scope.Max["max_x"] != 3 || got[0].Scope.Allow["hosts"][0] != "a" {
		t.Fatalf("got %+v, %v", got, err)
	}
	limited := gate.Grant{ID: "g0", Plugin: "q", Capability: "card.charge", Created: now, Limits: &budget.Limits{
		Budgets: []budget.Budget{{Limit: 5, Unit: "usd", Window: "day", By: budget.Keys{budget.ByPlugin}}}, Between: &budget.Hours{From: "09:00", To: "10:00"}}}
	consent := gate.Grant{ID: "c0", Plugin: "q", Capability: "card.charge", Created: now, Consent: true}
	if err := s.SaveGrants(ctx, []gate.Grant{limited, consent}); err != nil {
		t.Fatal(err)
	}
	if got, err = s.LoadGrants(ctx); err != nil || len(got) != 3 || !got[0].Consent || got[1].Limits.Budgets[0].Limit != 5 || *got[1].Limits.Between != *limited.Limits.Between || got[2].Limits != nil {
		t.Fatalf("got %+v, %v", got, err)
	}
	if err := s.EndGrants(ctx, []string{"g0", "c0"}, now); err != nil {
		t.Fatal(err)
	}
	next := g
	next.ID, next.Expires = "g2", time.Time{}
	other := gate.Grant{ID: "g1", Plugin: "q", Capability: "kv.read", Created: now} // the id is taken
	if err := s.SaveGrants(ctx, []gate.Grant{next, other}); err == nil {
		t.Fatal("a duplicate id was stored")
	}
	if got, _ = s.LoadGrants(ctx); len(got) != 1 || got[0].ID != "g1" {
		t.Fatalf("half of a failed save is there: %+v", got)
	}
	if err := s.SaveGrants(ctx, []gate.Grant{next}); err != nil {
		t.Fatal(err)
	}
	if got, _ = s.LoadGrants(ctx); len(got) != 1 || got[0].ID != "g2" || !got[0].Expires.IsZero() {
		t.Fatalf("the new grant did not replace the old: %+v", got)
	}
	for i, c := range []struct{ agent, left string }{{"a", "g30"}, {"b", "g30 g31"}, {"a", "g31 g32"}, {"", "g33"}} {
		next.ID, next.Agent = fmt.Sprint("g3", i), c.agent
		if err := s.SaveGrants(ctx, []gate.Grant{next}); err != nil {
			t.Fatal(err)
		}
		got, err := s.LoadGrants(ctx)
		var ids []string
		for _, g := range got {
			ids = append(ids, g.ID)
		}
		if err != nil || strings.Join(ids, " ") != c.left || got[len(got)-1].Agent != c.agent {
			t.Fatalf("after one for agent %q: %+v, %v", c.agent, got, err)
		}
	}
	if err := s.EndGrants(ctx, []string{"g33"}, now); err != nil {
		t.Fatal(err)
	}
	if got, _ = s.LoadGrants(ctx); len(got) != 0 {
		t.Fatalf("revoked grants came back: %+v", got)
	}
}

func TestLatch(t *testing.T) {
	t.Parallel()
	s, ctx := open(t), t.Context()
	first := gate.Halt{Target: "all", Since: time.Now(), By: "owner", Reason: "first"}
	second := gate.Halt{Target: "all", Since: first.Since.Add(time.Second), By: "plugin:dog", Reason: "second"}
	for _, h := range []gate.Halt{first, second} {
		if err := s.SetLatch(ctx, h); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.ClearLatch(ctx, []gate.Halt{first}); err != nil {
		t.Fatal(err)
	}
	got, err := s.LoadLatch(ctx)
	if err != nil || len(got) != 1 || got[0].Reason != "second" || got[0].By != "plugin:dog" {
		t.Fatalf("an old resume cleared a newer kill: %+v, %v", got, err)
	}
	if err := s.ClearLatch(ctx, got); err != nil {
		t.Fatal(err)
	}
	if got, _ = s.LoadLatch(ctx); len(got) != 0 {
		t.Fatalf("still %+v", got)
	}
}

func TestApprovals(t *testing.T) {
	t.Parallel()
	s, ctx := open(t), t.Context()
	a := gate.Approval{State: gate.Waiting, Digest: "d", Created: time.Now(), Expires: time.Now(), Capability: "card.charge", Attributes: capability.Attributes{"amount": int64(5)}}
	b := a
	for _, x := range []*gate.Approval{&a, &b} {
		if err := s.AddApproval(ctx, x); err != nil || x.ID == 0 {
			t.Fatal(x.ID, err)
		}
	}
	a.State, a.Answer, a.Answered = gate.Declined, "no", time.Now()
	if err := s.EndApproval(ctx, a); err != nil {
		t.Fatal(err)
	}
	a.State = gate.Approved // too late
	if err := s.EndApproval(ctx, a); err != nil {
		t.Fatal(err)
	}
	if left, err := s.LeftApprovals(ctx, time.Now()); err != nil || len(left) != 0 {
		t.Fatal(left, err)
	}
	got, err := s.Approvals(ctx, 10)
	if err != nil || len(got) != 2 || got[0].State != gate.Expired || got[1].State != gate.Declined || got[1].Answer != "no" {
		t.Fatalf("got %+v, %v", got, err)
	}
}

// TestLeftApprovals: of what the last run asked, what a turn asked and what has
// not expired goes on waiting, and a yes that was not used counts once.
func TestLeftApprovals(t *testing.T) {
	t.Parallel()
	s, ctx, now := open(t), t.Context(), time.Now()
	add := func(turn string, life time.Duration) int64 {
		a := gate.Approval{State: gate.Waiting, Digest: "d", Created: now, Expires: now.Add(life), Turn: turn, Session: "s", Capability: "card.charge"}
		if err := s.AddApproval(ctx, &a); err != nil {
			t.Fatal(err)
		}
		return a.ID
	}
	end := func(id int64, state gate.State) {
		if err := s.EndApproval(ctx, gate.Approval{ID: id, State: state, Answered: now, By: "owner"}); err != nil {
			t.Fatal(err)
		}
	}
	waits, late, owners := add("t", time.Hour), add("t", -time.Hour), add("", time.Hour)
	yes, used, no, unheard := add("t", time.Hour), add("t", time.Hour), add("t", time.Hour), add("t", time.Hour)
	for id, state := range map[int64]gate.State{yes: gate.Approved, used: gate.Approved, no: gate.Declined, unheard: gate.Declined} {
		end(id, state)
	}
	if ok, err := s.UseApproval(ctx, used); !ok || err != nil {
		t.Fatal(ok, err)
	}
	if err := s.LeaveApproval(ctx, unheard, true); err != nil {
		t.Fatal(err)
	}
	names := func(list []gate.Approval, err error) string {
		var ids []int64
		for _, a := range list {
			if ids = append(ids, a.ID); !a.Left {
				t.Errorf("%d is not left", a.ID)
			}
		}
		return fmt.Sprint(ids, err)
	}
	for range 2 { // each start anew
		if got := names(s.LeftApprovals(ctx, now)); got != fmt.Sprint([]int64{waits, yes}, nil) {
			t.Errorf("left: %s", got)
		}
	}
	if got := names(s.Untold(ctx)); got != fmt.Sprint([]int64{yes, unheard}, nil) {
		t.Errorf("untold: %s", got)
	}
	if err := s.UntoldDone(ctx, unheard); err != nil {
		t.Fatal(err)
	}
	for _, want := range []bool{true, false} {
		if ok, err := s.UseApproval(ctx, yes); ok != want || err != nil {
			t.Errorf("used: %v, %v", ok, err)
		}
	}
	if got := names(s.Untold(ctx)); got != fmt.Sprint([]int64(nil), nil) {
		t.Errorf("then untold: %s", got)
	}
	all, err := s.Approvals(ctx, 10)
	for _, a := range all {
		if (a.ID == late || a.ID == owners) != (a.State == gate.Expired) {
			t.Errorf("%d is %s", a.ID, a.State)
		}
	}
	if err != nil || len(all) != 7 {
		t.Errorf("%d, %v", len(all), err)
	}
}

func TestPayloads(t *testing.T) {
	t.Parallel()
	s, ctx := open(t), t.Context()
	p := s.Payloads()
	for i := range uint64(3) {
		if err := p.PutPayload(ctx, i, []byte("salt"), []byte("text")); err != nil {
			t.Fatal(err)
		}
	}
	if _, data, ok, err := p.Payload(ctx, 1); err != nil || !ok || string(data) != "text" {
		t.Errorf("%q %v %v", data, ok, err)
	}
	if err := p.Erase(ctx, 2); err != nil {
		t.Fatal(err)
	}
	if _, _, ok, _ := p.Payload(ctx, 1); ok {
		t.Error("an erased payload is there")
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	if _, _, ok, _ := p.Payload(ctx, 2); !ok {
		t.Error("the last payload was lost by Close")
	}
}

func TestSettings(t *testing.T) {
	t.Parallel()
	s, ctx := open(t), t.Context()
	want := Setting{Enabled: true, Config: map[string]string{"a": "b"}}
	if err := s.SetSetting(ctx, "p", want); err != nil {
		t.Fatal(err)
	}
	got, err := s.Settings(ctx)
	if err != nil || !got["p"].Enabled || got["p"].Config["a"] != "b" {
		t.Errorf("%+v %v", got, err)
	}
	if v, err := s.Value(ctx, "k"); v != "" || err != nil {
		t.Error(v, err)
	}
	if err := s.SetValue(ctx, "k", "v"); err != nil {
		t.Fatal(err)
	}
	if v, _ := s.Value(ctx, "k"); v != "v" {
		t.Error(v)
	}
}
