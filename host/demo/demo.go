// Package demo plays a short story with real parts: a host on a folder of its
// own, first-party plugins in their cells, two local web servers, an agent that
// can be talked into anything, and a plugin that can't be interrupted. It needs
// no key and no network, and whatever it claims it checks: [Run] fails when the
// story does not go as told. Start at [Run].
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/ambithost/ambit/host"
	"github.com/ambithost/ambit/host/clock"
	"github.com/ambithost/ambit/host/control"
)

// Options are what a demo can be told.
type Options struct {
	Version string
	// CellBinary runs the cells; empty: this executable.
	CellBinary string
	// Keep leaves the folder behind, to look around in it.
	Keep bool
	// Paint colours a word by what it means: "good", "bad", "dim", "bold".
	// Nil: no colour.
	Paint func(meaning, text string) string
}

// story is the demo while it is told: of one owner, one agent and their host.
type story struct {
	out   io.Writer
	paint func(meaning, text string) string
	opts  Options
	// name is the agent's where there are several; the owner is then told as its
	// owner.
	name string
	// answer is what the owner says when asked; nil: the owner is asleep.
	answer  func(*control.Approval) (approve bool, note string)
	lasting control.Lasting // of a yes; empty: once
	// clock, if set, is the host's, and its hour stands before each line.
	clock *clock.Manual
	// told is up to where the heartbeats' session was told, and which questions.
	told struct {
		entry     int64
		questions []string
	}

	telling sync.Mutex

	home   string
	log    *os.File
	shop   *site
	thief  *site
	client *control.Client
	stop   func() error // ends the host
}

// errStory marks that something went otherwise than told: a defect.
var errStory = errors.New("the demo did not go as it should")

// Run plays the story on out. It takes well under a minute and leaves nothing
// behind unless told to.
func Run(ctx context.Context, out io.Writer, opts Options) (err error) {
	s := newStory(out, opts)
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	defer func() { err = errors.Join(err, s.close()) }()
	for _, part := range []func(context.Context) error{
		s.setUp, s.meet, s.deal, s.revoke, s.evade, s.kill, s.prove,
	} {
		if err := part(ctx); err != nil {
			return err
		}
	}
	s.farewell()
	return nil
}

func newStory(out io.Writer, opts Options) *story {
	s := &story{out: out, opts: opts, paint: opts.Paint}
	if s.paint == nil {
		s.paint = func(_, text string) string { return text }
	}
	s.answer = func(*control.Approval) (bool, string) { return false, "I asked for the price, not to buy." }
	return s
}

// setUp makes a home with the owner's one rule and starts host and servers.
func (s *story) setUp(ctx context.Context) (err error) {
	if s.home, err = os.MkdirTemp("", "ambit-demo-"); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(s.home, "policy"), 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(s.home, "policy", "outflow.rego"), []byte(outflow), 0o600); err != nil {
		return err
	}
	if s.log, err = os.Create(filepath.Join(s.home, "host.log")); err != nil {
		return err
	}
	if s.shop, err = newShop(ctx); err != nil {
		return err
	}
	if s.thief, err = newThief(ctx); err != nil {
		return err
	}
	s.shop.handle("/deal", dealPage(s.thief.url))
	return s.start(ctx)
}

// start runs a host on the home until s.stop.
func (s *story) start(ctx context.Context) error {
	cfg := host.Config{Home: s.home, Version: s.opts.Version, CellBinary: s.opts.CellBinary,
		Logger: hclog.New(&hclog.LoggerOptions{Name: "ambit", Level: hclog.Debug, Output: s.log})}
	if s.clock != nil {
		cfg.Clock = s.clock
	}
	h, err := host.Open(ctx, cfg)
	if err != nil {
		return err
	}
	serving, end := context.WithCancel(context.WithoutCancel(ctx))
	served := make(chan error, 1)
	go func() { served <- h.Serve(serving) }()
	s.client = control.NewClient(s.home)
	s.stop = func() error {
		end()
		s.client.Close()
		return errors.Join(<-served, h.Close())
	}
	for range 200 {
		if _, err = s.client.Status(ctx); err == nil {
			return nil
		}
		select {
		case err := <-served:
			s.stop = nil
			return errors.Join(err, h.Close())
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(10 * time.Millisecond):
		}
	}
	return fmt.Errorf("the host did not get ready: %w", err)
}

func (s *story) close() error {
	var errs []error
	if s.stop != nil {
		errs = append(errs, s.stop())
	}
	for _, v := range []*site{s.shop, s.thief} {
		if v != nil {
			errs = append(errs, v.close())
		}
	}
	if s.log != nil {
		errs = append(errs, s.log.Close())
	}
	if s.home != "" && !s.opts.Keep {
		errs = append(errs, os.RemoveAll(s.home))
	}
	return errors.Join(errs...)
}

// chapter begins a part of the story.
func (s *story) chapter(title string) { fmt.Fprintf(s.out, "\n%s\n", s.paint("bold", title)) }

// line tells one act, the actor first.
func (s *story) line(actor, format string, a ...any) {
	text := strings.ReplaceAll(fmt.Sprintf(format, a...), "\n", "\n             ")
	width := 9
	if s.name != "" {
		width = 12
		switch actor {
		case "agent":
			actor = s.name
		case "owner", "policy", "gate":
			actor = s.name + "'s " + actor
		}
	}
	hour := ""
	if s.clock != nil {
		hour = s.paint("dim", s.clock.Now().Format("15:04")) + "  "
	}
	s.telling.Lock() // owner and agent act at the same time
	defer s.telling.Unlock()
	fmt.Fprintf(s.out, "  %s%-*s  %s\n", hour, width, actor, text)
}

// must turns a broken promise of the story into an error.
func must(ok bool, format string, a ...any) error {
	if ok {
		return nil
	}
	return fmt.Errorf("%w: %s", errStory, fmt.Sprintf(format, a...))
}

func (s *story) farewell() {
	fmt.Fprint(s.out, `
That was the gate: nothing happened that was not granted, allowed and recorded.
Next:
  ambit plugin install rehearsal      a model that needs no key (or: openai)
  ambit plugin install notes          memory the agent may use
  ambit chat                          talk to it
  ambit audit tail                    see what it did
  ambit kill                          stop everything
`)
	if s.opts.Keep {
		fmt.Fprintf(s.out, "The demo's home is kept in %s\n", s.home)
	}
}
