package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"github.com/ambithost/ambit/host/control"
)

func (a *app) chatCmd() *cobra.Command {
	var req control.ChatRequest
	var images []string
	cmd := &cobra.Command{
		Use:   "chat [MESSAGE]",
		Short: "Talk to your agent; starts the host when none runs",
		Long: `Talk to your agent: one message, or line by line without one. What the agent
does is shown as it does it, and what needs your word is asked in between.
Ctrl-C, or a line that says stop, interrupts the turn; a second Ctrl-C leaves.
With --json every event is one line of JSON.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := a.ensureHost(cmd.Context()); err != nil {
				return err
			}
			var err error
			if req.Images, err = readImages(images); err != nil {
				return err
			}
			c := a.conversation(req)
			if len(args) == 1 {
				return c.one(args[0])
			}
			return c.loop()
		},
	}
	cmd.Flags().StringVarP(&req.Session, "session", "s", "main", "which conversation; a new name begins one")
	cmd.Flags().StringArrayVar(&images, "image", nil, "a PNG, JPEG, GIF or WebP file to show with the first message; may be repeated")
	cmd.Flags().StringVar(&req.Agent, "agent", "", "which agent, if there is more than one")
	return a.jsonFlag(cmd)
}

// conversation is one `ambit chat`.
type conversation struct {
	*app
	req   control.ChatRequest
	lines chan string // what is typed; closed at its end
	read  sync.Once
	view  view
}

func (a *app) conversation(req control.ChatRequest) *conversation {
	return &conversation{app: a, req: req, lines: make(chan string), view: view{app: a, fresh: true}}
}

// one sends one message. Without a terminal stdin is not ours to read.
func (c *conversation) one(text string) error {
	if c.inTTY {
		c.startReading()
	}
	err := c.turn(text)
	if errors.Is(err, errLeft) || err == nil && c.view.status == "interrupted" {
		return errSilent
	}
	return err
}

// loop sends line after line until the input ends. A turn that goes wrong is
// reported and the conversation goes on; a script learns of the last one.
func (c *conversation) loop() error {
	c.startReading()
	interrupt := make(chan os.Signal, 1)
	var last error
	for {
		if c.inTTY {
			fmt.Fprint(c.err, "> ")
		}
		signal.Notify(interrupt, os.Interrupt)
		var text string
		more := false
		select {
		case <-interrupt:
			fmt.Fprintln(c.err)
		case text, more = <-c.lines:
		}
		signal.Stop(interrupt)
		text = strings.TrimSpace(text)
		switch {
		case !more || text == "/quit" || text == "/exit":
			if c.inTTY {
				return nil
			}
			return last
		case text == "":
			continue
		}
		if last = c.turn(text); errors.Is(last, errLeft) {
			return errSilent
		} else if last != nil && c.inTTY {
			c.report(context.Background(), last)
		}
	}
}

// startReading reads lines as they are typed. Nothing ends a read of a terminal,
// so this goroutine ends with its input or with the program.
func (c *conversation) startReading() {
	c.read.Do(func() {
		go func() {
			defer close(c.lines)
			for {
				s, err := c.in.ReadString('\n')
				if s != "" {
					c.lines <- strings.TrimRight(s, "\r\n")
				}
				if err != nil {
					return
				}
			}
		}()
	})
}

// errLeft says that the person left before the turn ended.
var errLeft = errors.New("left")

// turn sends a message and shows what happens. Its context is its own: the
// program's ends with the first Ctrl-C, which here only interrupts.
func (c *conversation) turn(text string) error {
	ctx, leave := context.WithCancelCause(context.Background())
	defer leave(nil)
	interrupt := make(chan os.Signal, 2)
	signal.Notify(interrupt, endSignals()...)
	defer signal.Stop(interrupt)
	events := make(chan control.ChatEvent)
	ended := make(chan error, 1)
	req := c.req
	req.Text = text
	c.req.Images = nil // shown once
	go func() {
		ended <- c.client.Chat(ctx, req, func(e control.ChatEvent) error {
			select {
			case events <- e:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
	}()
	err := c.attend(ctx, leave, events, ended, interrupt)
	c.view.end()
	if err != nil && err.Error() == c.view.said {
		return &saidError{err}
	}
	return err
}

// attend is the one place where events, typing and signals meet.
func (c *conversation) attend(ctx context.Context, leave context.CancelCauseFunc, events <-chan control.ChatEvent, ended <-chan error, interrupt <-chan os.Signal) error {
	var asked *control.Approval // the question on the screen
	interrupted := false
	lines := c.typed()
	for {
		select {
		case e := <-events:
			asked = c.show(e, asked)
			if e.Type == control.ChatDone {
				lines = nil // what is typed from now on is the next message
			}
		case err := <-ended:
			if errors.Is(context.Cause(ctx), errLeft) {
				return errLeft
			}
			return err
		case s := <-interrupt:
			if interrupted || s != os.Interrupt {
				c.view.note("left; the turn goes on in the host")
				leave(errLeft)
				continue
			}
			interrupted = true
			c.interrupt(ctx)
		case text, more := <-lines:
			switch {
			case !more:
				lines = nil
			case asked != nil:
				c.settle(ctx, asked, text)
				asked = nil
			case strings.EqualFold(strings.TrimSpace(text), "stop"):
				c.interrupt(ctx)
			case strings.TrimSpace(text) != "":
				c.view.note("the turn is not over; stop interrupts it")
			}
		}
	}
}

// typed is what a person types during a turn; lines of a pipe are messages of
// their own and wait.
func (c *conversation) typed() <-chan string {
	if c.inTTY {
		return c.lines
	}
	return nil
}

func (c *conversation) interrupt(ctx context.Context) {
	c.view.note("interrupting; Ctrl-C again leaves")
	if _, err := c.client.Interrupt(ctx, c.req.Session); err != nil {
		c.view.note("it could not be interrupted: " + err.Error())
	}
}

// show prints an event and returns the question that now waits for an answer.
func (c *conversation) show(e control.ChatEvent, asked *control.Approval) *control.Approval {
	if c.json {
		if err := c.writeJSONLine(e); err != nil {
			c.view.note(err.Error())
		}
		if e.Type == control.ChatDone {
			c.view.status = e.Status
		}
		return nil
	}
	c.view.show(e)
	if e.Type != control.ChatApproval || e.Approval == nil {
		return asked
	}
	if e.Approval.State != control.Pending {
		if asked != nil && asked.ID == e.Approval.ID {
			c.view.note("that question is settled: " + string(e.Approval.State))
			return nil
		}
		return asked
	}
	c.view.end()
	c.printApproval(c.err, c.errColor, e.Approval)
	if !c.inTTY {
		fmt.Fprintf(c.err, "It waits for: ambit approvals approve %[1]s, or deny %[1]s\n", line(e.Approval.ID))
		return asked
	}
	fmt.Fprint(c.err, "Approve, once? [y/N] ")
	return e.Approval
}

// settle answers a question with what was typed. Only yes is yes.
func (c *conversation) settle(ctx context.Context, asked *control.Approval, text string) {
	yes := strings.EqualFold(strings.TrimSpace(text), "y") || strings.EqualFold(strings.TrimSpace(text), "yes")
	if _, err := c.answerApproval(ctx, asked, yes, ""); err != nil {
		c.view.note("the answer did not count: " + err.Error())
	}
}

// view prints a turn: the answer to stdout, what the agent does to stderr. On a
// terminal both meet, so it knows whether a line has been begun.
type view struct {
	*app
	fresh  bool // at the beginning of a line
	text   cleaner
	status string // of the last turn that ended
	said   string // the last line of the host
}

func (v *view) show(e control.ChatEvent) {
	switch e.Type {
	case control.ChatText:
		v.write(v.text.clean(e.Text))
	case control.ChatTool:
		v.note("→ " + e.Tool + " " + short(string(e.Args), 100))
	case control.ChatResult:
		s := "← " + e.Tool + " " + e.Status + ", " + micros(e.Micros)
		if e.Detail != "" {
			s += ": " + short(e.Detail, 160)
		}
		v.note(s)
	case control.ChatNotice:
		v.said = e.Text
		v.note(e.Text)
	case control.ChatDone:
		v.end()
		v.status = e.Status
		if e.Status != "" && e.Status != "end" {
			v.note("the turn ended: " + e.Status)
		}
	case control.ChatTurn, control.ChatApproval, control.ChatError:
		// shown by who asks or reports, or nothing to show
	}
}

func (v *view) write(s string) {
	if s == "" {
		return
	}
	_, _ = io.WriteString(v.out, s)
	v.fresh = strings.HasSuffix(s, "\n")
}

// note prints a line beside the answer.
func (v *view) note(s string) {
	v.end()
	fmt.Fprintf(v.err, "  %s\n", paint(v.errColor, dim, line(s)))
}

// end ends a line that was begun.
func (v *view) end() {
	if !v.fresh {
		_, _ = io.WriteString(v.out, "\n")
	}
	v.fresh = true
	v.text = cleaner{}
}
