package policy

import (
	"context"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/ambithost/ambit/policies"
	"github.com/ambithost/ambit/sdk/capability"
)

// consent stands for the gate's table: a grant is looked up by its key and
// reaches policy in the input.
type consent map[[2]string]*Grant

func consents(plugins int) consent {
	c := consent{}
	for i := range plugins {
		name := pluginName(i)
		for _, power := range []string{"http.request", "kv.read", "kv.write"} {
			c[[2]string{name, power}] = &Grant{ID: name + power, Scope: capability.Scope{Allow: map[string][]string{"hosts": {"api.example.org", name + ".example.org"}}}}
		}
	}
	return c
}

func pluginName(i int) string { return "plugin-" + strconv.Itoa(i) }

// step is one decision among that many plugins, each in its turn.
func (c consent) step(e *Engine, r *Request, i, plugins int) error {
	// A stride that visits the whole table in no order that caches like.
	name := pluginName(i * 7919 % plugins)
	r.Subject.ID, r.Context.Plugin.Name = name, name
	r.Context.Grant = c[[2]string{name, "http.request"}]
	d, err := e.Decide(context.Background(), r)
	if err == nil && d.Verdict != Allow {
		err = fmt.Errorf("%+v", d)
	}
	return err
}

func BenchmarkDecide(b *testing.B) {
	for _, plugins := range []int{1, 100, 10_000} {
		b.Run("plugins="+strconv.Itoa(plugins), func(b *testing.B) {
			e, c, r := open(b), consents(plugins), weather()
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				if err := c.step(e, r, i, plugins); err != nil {
					b.Fatal(err)
				}
				i++
			}
		})
	}
	b.Run("examples", func(b *testing.B) {
		e, c, r := open(b, examples(b)), consents(100), weather()
		b.ReportAllocs()
		i := 0
		for b.Loop() {
			if err := c.step(e, r, i, 100); err != nil {
				b.Fatal(err)
			}
			i++
		}
	})
	b.Run("denied", func(b *testing.B) {
		e, r := open(b), weather()
		r.Resource.Attributes["authority"] = "evil.example"
		b.ReportAllocs()
		for b.Loop() {
			if d, err := e.Decide(context.Background(), r); err != nil || d.Verdict != Deny {
				b.Fatal(d, err)
			}
		}
	})
}

// BenchmarkDecideScaling reports how much longer a decision takes among 10,000
// plugins than with one, as the ratio of the medians. The two alternate, so that
// what else the machine does falls on both.
func BenchmarkDecideScaling(b *testing.B) {
	const many = 10_000
	e, r := open(b), weather()
	one, all := consents(1), consents(many)
	var few, lots []time.Duration
	i := 0
	for b.Loop() {
		for plugins, c := range map[int]consent{1: one, many: all} {
			start := time.Now()
			if err := c.step(e, r, i, plugins); err != nil {
				b.Fatal(err)
			}
			if took := time.Since(start); plugins == 1 {
				few = append(few, took)
			} else {
				lots = append(lots, took)
			}
		}
		i++
	}
	slices.Sort(few)
	slices.Sort(lots)
	p50, p50many := few[len(few)/2], lots[len(lots)/2]
	b.ReportMetric(float64(p50), "ns/1")
	b.ReportMetric(float64(p50many), "ns/10000")
	b.ReportMetric(float64(p50many)/float64(p50), "10000/1")
}

func BenchmarkLoad(b *testing.B) {
	l := examples(b)
	for b.Loop() {
		e, err := Open(context.Background(), Config{Layers: []Layer{l}})
		if err != nil {
			b.Fatal(err)
		}
		_ = e.Close()
	}
}

// examples are the shipped examples as an owner's folder.
func examples(tb testing.TB) Layer {
	tb.Helper()
	files := map[string]string{}
	for _, name := range []string{"quiet_hours.rego", "card_limits.rego", "confined_only.rego", "watchdog.rego", "read_only.rego"} {
		b, err := fs.ReadFile(policies.FS, "examples/"+name)
		if err != nil {
			tb.Fatal(err)
		}
		files[name] = string(b)
	}
	return owner(tb, files)
}
