package cli

import (
	"fmt"
	"sync"
	"time"
)

// during runs f, and when it takes over a second shows on a terminal that
// something goes on. An owner of f's: it ends before during returns.
func (a *app) during(what string, f func() error) error {
	return a.duringThat(func() string { return what }, f)
}

// duringThat is during where what goes on changes.
func (a *app) duringThat(what func() string, f func() error) error {
	if !a.errTTY {
		return f()
	}
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() { a.tell(what, done) })
	err := f()
	close(done)
	wg.Wait()
	return err
}

func (a *app) tell(what func() string, done <-chan struct{}) {
	start := time.Now()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	shown := false
	for {
		select {
		case <-done:
			if shown {
				fmt.Fprint(a.err, "\r\x1b[K")
			}
			return
		case <-tick.C:
			shown = true
			fmt.Fprintf(a.err, "\r\x1b[K%s … %s", what(), span(time.Since(start)))
		}
	}
}
