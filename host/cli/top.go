package cli

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/ambithost/ambit/host/control"
)

// look is one look at a host at work.
type look struct {
	Status   *control.Status      `json:"status"`
	Activity *control.Activity    `json:"activity"`
	Recent   []control.AuditEntry `json:"recent"` // what was done or refused lately, the oldest first
}

func (a *app) topCmd() *cobra.Command {
	var every time.Duration
	var looks int
	cmd := &cobra.Command{
		Use:   "top",
		Short: "The host at work, live: agents, effects in flight, cells and what they take",
		Long: `Shows the host at work and looks again every second, until Ctrl-C. Where the output
is no terminal it looks once; --json prints one line a look.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if every < 100*time.Millisecond {
				return usagef("--every %s: want at least 100ms", every)
			}
			if looks < 0 {
				return usagef("-n %d: want a number of looks", looks)
			}
			if looks == 0 && !a.outTTY {
				looks = 1
			}
			ctx, stop := signal.NotifyContext(cmd.Context(), endSignals()...)
			defer stop()
			return a.top(ctx, every, looks)
		},
	}
	cmd.Flags().DurationVar(&every, "every", time.Second, "how long until it looks again")
	cmd.Flags().IntVarP(&looks, "looks", "n", 0, "how often; 0: until Ctrl-C, once where there is no terminal")
	return a.jsonFlag(cmd)
}

// top looks again and again. On a terminal a look takes the place of the one
// before, on a screen of its own that is gone afterwards.
func (a *app) top(ctx context.Context, every time.Duration, looks int) error {
	live := a.outTTY && !a.json
	if live {
		fmt.Fprint(a.out, "\x1b[?1049h\x1b[?25l")
		defer fmt.Fprint(a.out, "\x1b[?25h\x1b[?1049l")
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	var before *look
	for n := 1; ; n++ {
		now, err := a.look(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			return err
		case a.json:
			if err := a.writeJSONLine(now); err != nil {
				return err
			}
		default:
			var frame bytes.Buffer
			a.frame(&frame, before, now)
			a.show(frame.String(), live)
		}
		if n == looks {
			return nil
		}
		before = now
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func (a *app) look(ctx context.Context) (l *look, err error) {
	l = &look{}
	if l.Status, err = a.client.Status(ctx); err != nil {
		return nil, err
	}
	if l.Activity, err = a.client.Activity(ctx); err != nil {
		return nil, err
	}
	page, err := a.client.AuditEntries(ctx, control.AuditQuery{Last: 200})
	if err != nil {
		return nil, err
	}
	for _, e := range page.Entries {
		if e.Kind == "refusal" || e.Kind == "outcome" && e.Parent == "" && e.Capability != "model.complete" || e.Kind == "kill" || e.Kind == "revoke" {
			l.Recent = append(l.Recent, e)
		}
	}
	return l, nil
}

// show prints a frame; a live one is cut to the terminal.
func (a *app) show(frame string, live bool) {
	if !live {
		fmt.Fprint(a.out, frame)
		return
	}
	width, height, err := term.GetSize(int(os.Stdout.Fd())) //nolint:gosec // a descriptor fits
	if err != nil || width < 20 || height < 5 {
		width, height = 80, 24
	}
	lines := strings.Split(strings.TrimRight(frame, "\n"), "\n")
	if len(lines) > height-1 {
		lines = append(lines[:height-2], fmt.Sprintf("… %d lines more", len(lines)-height+2))
	}
	var b strings.Builder
	b.WriteString("\x1b[H")
	for _, l := range lines {
		b.WriteString(clip(l, width) + "\x1b[K\n")
	}
	b.WriteString("\x1b[J")
	fmt.Fprint(a.out, b.String())
}

// clip cuts a line to a width; styles take none.
func clip(l string, width int) string {
	var b strings.Builder
	n, styled := 0, false
	for len(l) > 0 {
		if strings.HasPrefix(l, "\x1b[") {
			end := strings.IndexByte(l, 'm') + 1
			if end == 0 { // no style: it ends nowhere
				break
			}
			styled = l[:end] != "\x1b[0m"
			b.WriteString(l[:end])
			l = l[end:]
			continue
		}
		if n == width {
			break
		}
		_, size := utf8.DecodeRuneInString(l)
		b.WriteString(l[:size])
		l, n = l[size:], n+1
	}
	if styled {
		b.WriteString("\x1b[0m")
	}
	return b.String()
}

// frame draws one look. before, if there was one, tells how much processor time
// was taken since.
func (a *app) frame(w io.Writer, before, now *look) {
	s := now.Status
	head := a.paint(green, "Ambit")
	if len(s.Halted) > 0 {
		head = a.paint(red, "Ambit, with a stop in force")
	}
	fmt.Fprintln(w, strings.Join([]string{
		head, span(a.now().Sub(s.Started)), "policy " + policyText(&s.Policy), auditText(a, &s.Audit),
		fmt.Sprintf("%d plugins, %d running", s.Plugins.Installed, s.Plugins.Running), a.now().Local().Format("15:04:05"),
	}, " · "))
	for _, h := range s.Halted {
		fmt.Fprintf(w, "%s %s\n", a.paint(red, "Stopped"), a.haltText(h))
	}
	if len(s.Waiting) > 0 {
		fmt.Fprintf(w, "%s %s\n", a.paint(yellow, "Waiting for you"), waitingText(s.Waiting))
	}
	agents := table{}
	agents.head("AGENT", "NOW", "TODAY")
	for _, g := range s.Agents {
		agents.add(g.Name, a.doing(g, now.Activity), today(g))
	}
	section(w, a, &agents)
	flights := table{}
	flights.head("IN FLIGHT", "BY", "WITH", "FOR", "STATE")
	for _, f := range now.Activity.InFlight {
		who := strings.TrimPrefix(f.Actor, "agent:")
		if f.Parent != "" {
			who = "  " + who
		}
		flights.add(f.Capability, who, short(f.Resource, 44), micros(now.Activity.Now.Sub(f.Since).Microseconds()), f.State)
	}
	section(w, a, &flights)
	cells := table{}
	cells.head("PROCESS", "PID", "MEMORY", "CPU", "UP", "CALLS")
	for i, p := range append([]control.Process{now.Activity.Host}, now.Activity.Cells...) {
		name := p.Plugin
		if i == 0 {
			name = "(host)"
		}
		cells.add(name, fmt.Sprint(p.PID), orDash(sizeText(p.Memory)), share(before, now, p), span(a.now().Sub(p.Started)), fmt.Sprint(p.Calls))
	}
	section(w, a, &cells)
	if len(now.Recent) > 0 {
		fmt.Fprintf(w, "\n%s\n", a.paint(dim, "LATELY"))
		rest := *a
		rest.out = w
		for _, e := range now.Recent[max(0, len(now.Recent)-8):] {
			rest.printEntry(e)
		}
	}
}

// section prints a table that holds more than its head.
func section(w io.Writer, a *app, t *table) {
	if len(t.rows) > 1 {
		fmt.Fprintln(w)
		t.print(w, a.color)
	}
}

// doing says what an agent does now, or what comes next.
func (a *app) doing(g control.AgentStatus, now *control.Activity) string {
	for i := len(now.InFlight) - 1; i >= 0; i-- {
		f := now.InFlight[i]
		if f.Agent == g.Name && f.Parent == "" {
			return f.Session + ": " + f.Capability + " " + short(f.Resource, 40)
		}
	}
	switch {
	case g.Busy:
		return "at work"
	case g.Heartbeat != nil && !g.Heartbeat.Next.IsZero():
		return "idle, heartbeat " + a.ago(g.Heartbeat.Next)
	}
	return "idle, last turn " + a.lastTurn(g)
}

func sizeText(n int64) string {
	if n == 0 {
		return ""
	}
	return bytesText(n)
}

// share is how much of one processor a process took: since the look before, else
// in all its life.
func share(before, now *look, p control.Process) string {
	taken, over := p.CPUMicros, now.Activity.Now.Sub(p.Started)
	if before != nil {
		for _, b := range append([]control.Process{before.Activity.Host}, before.Activity.Cells...) {
			if b.PID == p.PID {
				taken, over = p.CPUMicros-b.CPUMicros, now.Activity.Now.Sub(before.Activity.Now)
			}
		}
	}
	if over <= 0 || p.CPUMicros == 0 {
		return "–"
	}
	return fmt.Sprintf("%.1f%%", 100*float64(taken)/float64(over.Microseconds()))
}
