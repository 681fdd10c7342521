package policy

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// generation is a folder of two files that say the same number.
func generation(t *testing.T, n int) Layer {
	t.Helper()
	files := map[string]string{}
	for _, name := range []string{"a", "b"} {
		files[name+".rego"] = fmt.Sprintf("package ambit.owner.%s\n\ndeny contains \"generation %d\" if input.action.name == \"http.request\"\n", name, n)
	}
	return owner(t, files)
}

// Policies change while requests are decided: every request is answered, and
// each answer is of one generation, the one whose revision it bears.
func TestReloadUnderLoad(t *testing.T) {
	t.Parallel()
	const generations = 6
	folders, revisions := make([]Layer, generations), map[string]int{}
	for i := range folders {
		folders[i] = generation(t, i)
		revisions[revisionOf(t, folders[i].Dir)] = i
	}
	e := open(t, generation(t, 0))
	stop := make(chan struct{})
	var asked, answered atomic.Int64
	seen := sync.Map{}
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				asked.Add(1)
				d, err := e.Decide(t.Context(), weather())
				answered.Add(1)
				if errors.Is(err, ErrDeadline) || errors.Is(err, ErrStuck) {
					continue // slow is not wrong
				}
				n, known := revisions[d.Revision]
				seen.Store(n, true)
				want := fmt.Sprintf("generation %d", n)
				if err != nil || !known || d.Verdict != Deny || len(d.Reasons) != 2 || d.Reasons[0].Message != want || d.Reasons[1].Message != want {
					t.Errorf("revision %s is generation %d: %+v, %v", d.Revision, n, d, err)
					return
				}
			}
		})
	}
	before := e.Revision()
	for i := 1; i < generations; i++ {
		after := ""
		for revision, n := range revisions {
			if n == i {
				after = revision
			}
		}
		for held := answered.Load(); answered.Load() < held+5 && !t.Failed(); {
			runtime.Gosched() // until this generation was asked
		}
		if err := e.Activate(t.Context(), folders[i].Dir, before, after); err != nil {
			t.Error(err)
			break
		}
		before = after
	}
	close(stop)
	wg.Wait()
	count := 0
	seen.Range(func(any, any) bool { count++; return true })
	if asked.Load() != answered.Load() || count < generations-1 {
		t.Errorf("%d asked, %d answered, %d generations seen", asked.Load(), answered.Load(), count)
	}
}

// Moving rules into one index must not change what their names mean.
func TestRulesKeepTheirNames(t *testing.T) {
	t.Parallel()
	e := open(t, owner(t, map[string]string{
		"a.rego": "package ambit.owner.a\n\nimport data.ambit.lib.risk as r\n\nlimit := 1000\n\nbanned(x) if x == \"Book Depot\"\n\ndeny contains msg if {\n\tr.spends\n\tinput.resource.properties.amount > limit\n\tmsg := sprintf(\"a: over %d\", [limit])\n}\n\ndeny contains \"a: banned\" if banned(input.resource.properties.merchant)\n\nask contains \"a: denies\" if count(deny) > 0\n",
		"b.rego": "package ambit.owner.b\n\nimport data.ambit.owner.a\n\nlimit := 9000\n\ndeny contains \"b\" if {\n\tsome ask in input.context.labels\n\task == \"x\"\n\tinput.resource.properties.amount > limit\n}\n\ndeny contains \"b: as a\" if {\n\tsome m in a.deny\n\tstartswith(m, \"a: over\")\n}\n",
	}))
	r := charge()
	r.Context.Labels = []string{"x"}
	d := decide(t, e, r)
	var said []string
	for _, reason := range d.Reasons {
		said = append(said, reason.Message)
	}
	if d.Verdict != Deny || strings.Join(said, "; ") != "a: banned; a: over 1000; b: as a" {
		t.Errorf("%s: %q", d.Verdict, said)
	}
}
