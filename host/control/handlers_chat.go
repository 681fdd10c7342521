package control

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/ambithost/ambit/sdk/protocol"
)

// chat runs a turn that outlives its client.
func (x *exchange) chat() error {
	var req ChatRequest
	if err := x.decode(&req); err != nil {
		return err
	}
	if err := checkChat(req); err != nil {
		return err
	}
	o := newOutbox()
	var mu sync.Mutex // a turn calls tools in parallel; ids follow the order of the queue
	seq := 0
	emit := func(e ChatEvent) error {
		data, err := json.Marshal(e)
		if err != nil {
			return fmt.Errorf("chat event: %w", err)
		}
		mu.Lock()
		defer mu.Unlock()
		seq++
		return o.push(event{id: strconv.Itoa(seq), name: string(e.Type), data: data})
	}
	x.life.turns.Go(func() {
		x.produce(o, func() error { return x.Chat(x.life.stop, req, emit) })
	})
	return x.send(o, false)
}

func checkChat(req ChatRequest) error {
	if req.Text == "" && len(req.Images) == 0 {
		return protocol.Errorf(protocol.Invalid, "the message is empty")
	}
	if req.Session != "" {
		if err := checkShort("session", req.Session); err != nil {
			return err
		}
	}
	if req.Agent != "" {
		return checkShort("agent", req.Agent)
	}
	return nil
}

func (x *exchange) interrupt() (*Interruption, error) {
	id := x.r.PathValue("id")
	if err := checkShort("session", id); err != nil {
		return nil, err
	}
	return x.Interrupt(x.whole(), id)
}

func (x *exchange) call(req CallRequest) (*CallResult, error) {
	plugin, tool, ok := strings.Cut(req.Tool, "/")
	if !ok || checkShort("tool", tool) != nil {
		return nil, protocol.Errorf(protocol.Invalid, "tool %.140q: want plugin/tool", req.Tool)
	}
	if err := checkPlugin(plugin); err != nil {
		return nil, err
	}
	if len(req.Args) == 0 || string(req.Args) == "null" {
		req.Args = []byte("{}")
	}
	if req.Args[0] != '{' {
		return nil, protocol.Errorf(protocol.Invalid, "args: want a JSON object")
	}
	return x.Call(x.ctx(), req)
}
