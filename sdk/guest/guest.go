// Package guest makes a plugin callable as a Wasm guest: it carries the
// exports describe, call, complete, poll and send and the one import "effect"
// (extism:host/user). Authors reach it through package run.
//
// A Wasm program has no main loop: the host calls its exports after its
// variables are initialised, so [Export] is called while they are. Guests have
// one thread and their calls are not cancelled: a call that must end is ended
// together with its cell.
package guest

import (
	"encoding/json"
	"fmt"

	"github.com/ambithost/ambit/sdk/protocol"
)

// envelope writes a [protocol.GuestEffect] without scanning args once more:
// they were just marshalled, and JSON is slow in a guest.
func envelope(name string, args []byte) []byte {
	quoted, err := json.Marshal(name)
	if err != nil { // a string always marshals
		quoted = []byte(`""`)
	}
	b := make([]byte, 0, len(args)+len(name)+24)
	b = append(b, `{"name":`...)
	b = append(b, quoted...)
	if len(args) > 0 {
		b = append(b, `,"args":`...)
		b = append(b, args...)
	}
	return append(b, '}')
}

// outcome reads a [protocol.GuestOutcome].
func outcome(name string, b []byte) ([]byte, error) {
	var o protocol.GuestOutcome
	if err := json.Unmarshal(b, &o); err != nil {
		return nil, protocol.Errorf(protocol.Failed, "%s: the host's outcome: %v", name, err)
	}
	if o.Error != nil {
		return nil, o.Error
	}
	return o.Result, nil
}

// failure is how an export reports an error to the runner: a protocol.Error in
// JSON, so that its code survives.
func failure(err error) string {
	e := protocol.AsError(err)
	b, jsonErr := json.Marshal(e)
	if jsonErr != nil {
		return fmt.Sprintf("%s: %s", e.Code, e.Message)
	}
	return string(b)
}
