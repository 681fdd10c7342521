// Package session is the serving side of the cell protocol: it turns the
// frames of one stream into calls on a [Handler]. The Wasm runner and native
// plugins both serve through [Serve], so a frame means the same in each.
//
// Guarantees: Setup runs once and before any Invoke; every Invoke ends in one
// Result; a panic in Invoke fails that call only; Serve returns after every
// Invoke has.
package session

import (
	"context"

	"github.com/ambithost/ambit/sdk/protocol/cellpb"
)

// MaxCalls is how many calls a session runs at once. A host that sends more
// breaks the protocol; it gets the code limit.
const MaxCalls = 64

// MaxEffects is how many effects of one call are in flight at once, and half
// of how many of all calls; more wait. A host ends a plugin that exceeds it.
const MaxEffects = 32

// Handler is a plugin as the protocol sees it. Its duties:
//
//  1. Setup stores the configuration and prepares. Its error is reported to
//     the host, which then ends the cell.
//  2. Exports names every function that Invoke knows; it is asked after Setup.
//  3. Invoke may run many times at once. It returns when ctx ends; its error's
//     code is kept ([protocol.CodeOf]), an error without one becomes internal.
type Handler interface {
	Setup(ctx context.Context, config map[string]string) error
	Exports() []string
	Invoke(ctx context.Context, call *Call) ([]byte, error)
}

// Reporter is a Handler that has more to say in its Hello than its exports.
type Reporter interface {
	Report(hello *cellpb.Hello)
}

// Logger is a Handler that logs outside of calls; it gets the function to do
// so before Setup.
type Logger interface {
	SetLog(log func(level, message string))
}

// Call is one invocation and the plugin's way out during it. The functions may
// be used from many goroutines until Invoke returns.
type Call struct {
	Export string
	Input  []byte
	// Effect asks the host for an effect and waits for its outcome. The error
	// is a *protocol.Error, or ctx's.
	Effect func(ctx context.Context, name string, args []byte) ([]byte, error)
	// Emit sends a piece of output before the result.
	Emit func(data []byte) error
	// Log writes to the plugin's log: trace, debug, info, warn or error.
	Log func(level, message string)
}
