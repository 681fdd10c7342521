package gate

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/ambithost/ambit/host/policy"
)

// Payload is what the audit keeps apart from the record of an intent or a
// refusal: the arguments, and what policy saw when it was asked. Secrets are in
// neither: both name them.
type Payload struct {
	// Request is nil where policy was not asked: the latch, the plugin or the
	// grants had refused already.
	Request *policy.Request
	Args    []byte // exactly as they came
}

// Its form is the request in JSON, null for none, on the first line, and the
// arguments below it: these stay as they are to the byte.
func (f *Flight) payload() []byte {
	head, err := json.Marshal(f.asked)
	if err != nil {
		f.gate.log.Error("a policy request can't be kept", "effect", f.id, "error", err)
		head = []byte("null")
	}
	args := f.effect.payload()
	out := make([]byte, 0, len(head)+1+len(args))
	return append(append(append(out, head...), '\n'), args...)
}

var errNoPayload = errors.New("gate: not the payload of an effect")

// OpenPayload takes apart what the audit kept of an intent or a refusal.
func OpenPayload(b []byte) (Payload, error) {
	head, args, ok := bytes.Cut(b, []byte("\n"))
	if !ok {
		return Payload{}, errNoPayload
	}
	p := Payload{Args: args}
	if string(head) == "null" {
		return p, nil
	}
	r, err := policy.ParseRequest(head)
	if err != nil {
		return Payload{}, fmt.Errorf("%w: %w", errNoPayload, err)
	}
	p.Request = r
	return p, nil
}
