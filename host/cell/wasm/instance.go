package wasm

import (
	"bytes"
	"context"
	"strings"
	"sync/atomic"

	extism "github.com/extism/go-sdk"

	"github.com/ambithost/ambit/sdk/protocol"
	"github.com/ambithost/ambit/sdk/protocol/session"
)

// instance is one instantiation of the module. One call uses it at a time.
type instance struct {
	plugin  *extism.Plugin
	memory  meter
	limit   uint64 // bytes of memory it may have
	current atomic.Pointer[session.Call]
	closed  atomic.Bool // the guest exited: there is nothing more to call
}

// callKey finds the call in the context of a host function.
type callKey struct{}

// call runs an export. The instance must not be used again unless it is still
// alive: after a trap its memory may be inconsistent.
func (i *instance) call(ctx context.Context, c *session.Call) (out []byte, alive bool, err error) {
	if !i.plugin.FunctionExists(c.Export) {
		return nil, true, protocol.Errorf(protocol.NotFound, "no export %q", c.Export)
	}
	i.current.Store(c)
	defer i.current.Store(nil)
	code, out, err := i.plugin.CallWithContext(context.WithValue(ctx, callKey{}, c), c.Export, c.Input)
	switch {
	case err == nil && code == 0:
		return out, !i.closed.Load(), nil
	case err == nil:
		return nil, !i.closed.Load(), protocol.Errorf(protocol.Failed, "%s returned %d", c.Export, code)
	}
	// The guest may have set an error and returned as it should; what else
	// comes back as an error is a trap.
	if said := i.plugin.GetError(); said != "" && said == err.Error() {
		return nil, !i.closed.Load(), protocol.GuestError(said)
	}
	return nil, false, i.trap(c, err)
}

// trap explains how a call ended. An effect's refusal that the guest could not
// handle, as inside http_request, keeps its code.
func (i *instance) trap(c *session.Call, err error) error {
	c.Log("debug", err.Error())
	if code := protocol.CodeOf(err); code != protocol.Internal {
		return protocol.Errorf(code, "%s: %s", c.Export, firstLine(err))
	}
	if i.full() {
		return protocol.Errorf(protocol.Limit, "%s: out of memory (%d MiB): %s", c.Export, i.limit>>20, firstLine(err))
	}
	return protocol.Errorf(protocol.Failed, "%s: %s", c.Export, firstLine(err))
}

// full reports whether the guest has nearly all the memory it may have.
func (i *instance) full() bool { return i.memory.largest.Load() > i.limit/10*9 }

func (i *instance) close() { _ = i.plugin.Close(context.Background()) }

func (i *instance) log(level, message string) {
	if c := i.current.Load(); c != nil {
		c.Log(level, message)
	}
}

func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return strings.TrimSuffix(line, " (recovered by wazero)")
}

func levelName(l extism.LogLevel) string {
	switch l {
	case extism.LogLevelTrace:
		return "trace"
	case extism.LogLevelDebug:
		return "debug"
	case extism.LogLevelWarn:
		return "warn"
	case extism.LogLevelError:
		return "error"
	}
	return "info"
}

// lines turns a guest's standard output or error into log lines.
type lines struct {
	to    *instance
	level string
	rest  []byte
}

func (l *lines) Write(b []byte) (int, error) {
	l.rest = append(l.rest, b...)
	for {
		line, after, found := bytes.Cut(l.rest, []byte("\n"))
		if !found && len(l.rest) < protocol.MaxLog {
			return len(b), nil
		}
		l.rest = after
		l.to.log(l.level, string(line))
	}
}
