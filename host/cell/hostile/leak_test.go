package hostile

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"
)

// suffer runs attacks one at a time, so that the bystander's latency is the
// attack's doing, and checks that nothing is left of them.
func (l *lab) suffer(t *testing.T, attacks []Attack, run func(*testing.T, Attack)) {
	before := l.quiet(t)
	for _, a := range attacks {
		t.Run(a.Name, func(t *testing.T) {
			baseline := l.beside(t, func() { time.Sleep(200 * time.Millisecond) })
			during := l.beside(t, func() { run(t, a) })
			if len(during) > 20 {
				t.Logf("the bystander's median: %v before, %v during, ratio %.2f over %d calls", median(baseline), median(during),
					float64(median(during))/float64(median(baseline)), len(during))
			}
		})
	}
	l.leaksNothing(t, before)
	clean(t, "the host's log", l.logs.String())
}

// still is what a host holds when only the bystander runs.
type still struct {
	goroutines, descriptors int
	folders                 []string
}

// quiet measures the host before the attacks.
func (l *lab) quiet(t *testing.T) still {
	t.Helper()
	return still{runtime.NumGoroutine(), descriptors(t), l.folders(t)}
}

// leaksNothing waits for the host to come back to what it was: whatever served
// the attackers is gone. Idle runtime goroutines get a margin of a few.
func (l *lab) leaksNothing(t *testing.T, before still) {
	t.Helper()
	var after still
	for range 100 {
		after = still{runtime.NumGoroutine(), descriptors(t), l.folders(t)}
		if after.goroutines <= before.goroutines+3 && after.descriptors <= before.descriptors+3 && len(after.folders) <= len(before.folders) {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Errorf("goroutines %d → %d, descriptors %d → %d, folders %v → %v", before.goroutines, after.goroutines,
		before.descriptors, after.descriptors, before.folders, after.folders)
	buf := make([]byte, 1<<20)
	t.Logf("%s", buf[:runtime.Stack(buf, true)])
}

func descriptors(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// folders lists what the driver keeps for its cells.
func (l *lab) folders(t *testing.T) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(l.run, "*"))
	if err != nil {
		t.Fatal(err)
	}
	return found
}
