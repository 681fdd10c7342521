package gate

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ambithost/ambit/host/policy"
	"github.com/ambithost/ambit/sdk/capability"
)

// rules is a folder of 500 owner's rules in 25 files, of the kinds that people
// write: about one capability, about some, about a plugin, about an hour.
func rules(tb testing.TB) policy.Layer {
	tb.Helper()
	l := policy.Layer{Name: "owner", Dir: tb.TempDir()}
	powers := capability.All()
	for file := range 25 {
		var b strings.Builder
		fmt.Fprintf(&b, "package ambit.owner.f%d\n\nimport data.ambit.lib.clock\nimport data.ambit.lib.labels\n", file)
		for i := range 5 {
			n := file*5 + i
			fmt.Fprintf(&b, "\ndeny contains \"never %d\" if {\n\tinput.action.name == %q\n\tinput.context.plugin.name == \"banned-%d\"\n}\n", n, powers[n%len(powers)].Name, n)
			fmt.Fprintf(&b, "\ndeny contains \"not this host %d\" if {\n\tinput.action.name == \"http.request\"\n\tinput.resource.properties.authority == \"bad-%d.example\"\n}\n", n, n)
			fmt.Fprintf(&b, "\nask contains \"at night %d\" if {\n\tinput.action.name in {\"mail.send\", \"call.place\"}\n\tclock.between(\"22:00\", \"07:00\")\n\tinput.context.agent == \"agent-%d\"\n}\n", n, n)
			fmt.Fprintf(&b, "\nask contains \"strangers %d\" if {\n\tinput.context.plugin.name == \"plugin-%d\"\n\tlabels.has_read_strangers\n}\n", n, 20000+n)
		}
		if err := os.WriteFile(filepath.Join(l.Dir, fmt.Sprintf("f%d.rego", file)), []byte(b.String()), 0o600); err != nil {
			tb.Fatal(err)
		}
	}
	return l
}

// BenchmarkLargePolicy decides requests by latch, 10,000 grants and 500 rules of
// the owner's, and reports the median.
func BenchmarkLargePolicy(b *testing.B) {
	engine, err := policy.Open(b.Context(), policy.Config{Layers: []policy.Layer{rules(b)}})
	if err != nil {
		b.Fatal(err)
	}
	defer engine.Close()
	w := newWorld()
	const grants = 10_000
	for i := range grants {
		gr := Grant{ID: fmt.Sprint(i), Plugin: fmt.Sprintf("plugin-%d", i), Capability: "http.request", Created: time.Now().Add(-time.Hour),
			Scope: capability.Scope{Allow: map[string][]string{"hosts": {"api.example.org"}}}}
		w.grants[gr.ID] = gr
	}
	g, err := Open(context.Background(), Config{Policy: engine, Audit: w, Store: w, Plugins: w, Cells: w})
	if err != nil {
		b.Fatal(err)
	}
	e := Effect{Capability: "http.request", Risk: capability.Read, Resource: "https://api.example.org/v1", Attributes: capability.Attributes{
		"method": "GET", "scheme": "https", "authority": "api.example.org", "path": "/v1", "addresses": []string{"93.184.216.34"}, "special_addresses": []string{}, "hop": int64(0),
	}, Origin: Origin{Agent: "main", Session: "s", Labels: []string{"untrusted"}}}
	w.asks["http.request"] = capability.Scope{Allow: map[string][]string{"hosts": {"api.example.org"}}}
	var took []time.Duration
	i := 0
	b.ReportAllocs()
	for b.Loop() {
		e.Plugin = fmt.Sprintf("plugin-%d", i*7919%grants)
		e.Actor = policy.Entity{Type: "plugin", ID: e.Plugin}
		start := time.Now()
		d, err := g.Evaluate(b.Context(), e)
		took = append(took, time.Since(start))
		if err != nil || !d.Unconditional() {
			b.Fatalf("%+v, %v", d, err)
		}
		i++
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Nanoseconds())/1000, "p50-µs")
}
