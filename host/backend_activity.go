package host

import (
	"context"
	"os"
	"time"

	"github.com/ambithost/ambit/host/cell"
	"github.com/ambithost/ambit/host/control"
)

// Activity looks at what happens right now.
func (b backend) Activity(context.Context) (*control.Activity, error) {
	out := &control.Activity{Now: b.now(), InFlight: []control.InFlight{}, Cells: []control.Process{}, Host: process("", os.Getpid(), b.started, 0)}
	for _, f := range b.gate.Flights() {
		state := "deciding"
		if f.Begun {
			state = "running"
		}
		out.InFlight = append(out.InFlight, control.InFlight{
			Effect: f.Effect, Parent: f.Parent, Actor: f.Actor, Agent: f.Agent, Session: f.Session, Plugin: f.Plugin,
			Capability: f.Capability, Resource: f.Resource, Since: f.Time, State: state,
		})
	}
	for _, c := range b.cells.Running() {
		out.Cells = append(out.Cells, process(c.Plugin, c.PID, c.Started, c.Calls))
	}
	return out, nil
}

func process(plugin string, pid int, started time.Time, calls int) control.Process {
	memory, cpu := cell.UsageOf(pid)
	return control.Process{Plugin: plugin, PID: pid, Started: started, Memory: memory, CPUMicros: cpu.Microseconds(), Calls: calls}
}
