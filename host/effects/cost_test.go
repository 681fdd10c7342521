package effects

import (
	"sync"
	"testing"
)

// TestPurse: fractions of a minor unit are carried and none is lost, also when
// many pay at the same time.
func TestPurse(t *testing.T) {
	t.Parallel()
	var p purse
	var all sync.WaitGroup
	sum, mu := int64(0), sync.Mutex{}
	for range 50 {
		all.Go(func() {
			for range 100 {
				n := p.pay("a usd", 333, 10_000)
				mu.Lock()
				sum += n
				mu.Unlock()
			}
		})
	}
	all.Wait()
	if want := int64(50 * 100 * 333 / 10_000); sum != want {
		t.Errorf("booked %d, want %d", sum, want)
	}
	if n := p.pay("b usd", 25_000, 10_000); n != 2 {
		t.Errorf("another account begins with %d", n)
	}
}
