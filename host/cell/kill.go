package cell

import (
	"slices"
	"strings"

	"github.com/ambithost/ambit/sdk/protocol"
)

// Targets of Forbid and Allow, spelled as the gate's latch spells them.
const (
	targetAll    = "all"
	targetAgent  = "agent:"
	targetPlugin = "plugin:"
)

// KillAll ends every cell. Like all kills it sends SIGKILL to every process
// group first, then waits until each is reaped, and returns how many there
// were.
func (p *Pool) KillAll() int {
	return p.kill(targetAll, func(*entry) bool { return true })
}

// KillPlugin ends a plugin's cell. The next call starts another, unless the
// plugin is forbidden.
func (p *Pool) KillPlugin(plugin string) int {
	return p.kill(targetPlugin+plugin, func(e *entry) bool { return e.plugin == plugin })
}

// KillAgent ends the cells that run a call for an agent. Calls of others in
// the same cells end with it.
func (p *Pool) KillAgent(agent string) int {
	return p.kill(targetAgent+agent, func(e *entry) bool {
		for u := range e.using {
			if u.agent == agent {
				return true
			}
		}
		return false
	})
}

// Forbid keeps a target ("all", "agent:NAME", "plugin:NAME") from starting
// anything until it is allowed again, kills what runs of it, and returns the
// number of cells that were reaped.
func (p *Pool) Forbid(target string) int {
	p.mu.Lock()
	p.forbidden[target] = true
	p.mu.Unlock()
	if plugin, ok := strings.CutPrefix(target, targetPlugin); ok {
		return p.KillPlugin(plugin)
	}
	if agent, ok := strings.CutPrefix(target, targetAgent); ok {
		return p.KillAgent(agent)
	}
	if target == targetAll {
		return p.KillAll()
	}
	return 0
}

// Allow takes Forbid back. Forbidding "all" and one plugin are two things:
// each is allowed by itself.
func (p *Pool) Allow(target string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.forbidden, target)
}

// kill ends the cells of the chosen entries, those that are being started
// among them, and the calls that wait for them.
func (p *Pool) kill(target string, chosen func(*entry) bool) int {
	reason := protocol.Errorf(protocol.Killed, "%s was killed", target)
	p.mu.Lock()
	var cells []*Cell
	var starts []*starting
	for _, e := range p.entries {
		if !chosen(e) {
			continue
		}
		if e.cell != nil && e.cell.Err() == nil {
			e.cell.die(reason, 0) // SIGKILL to all before waiting for any
			cells = append(cells, e.cell)
		}
		if e.starting != nil {
			e.starting.cancel(reason)
			starts = append(starts, e.starting)
		}
		for u := range e.using {
			u.cancel(reason)
		}
	}
	p.mu.Unlock()
	for _, c := range cells {
		c.reaped()
	}
	for _, s := range starts {
		<-s.done
	}
	return len(cells) + len(starts)
}

func sortInfos(list []Info) {
	slices.SortFunc(list, func(a, b Info) int { return strings.Compare(a.Plugin, b.Plugin) })
}
