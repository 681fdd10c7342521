package host

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/ambithost/ambit/host/cell"
	"github.com/ambithost/ambit/host/cell/confine"
	"github.com/ambithost/ambit/sdk/manifest"
	"github.com/ambithost/ambit/sdk/protocol"
)

// Defaults of a cell; see manifest.Limits for what a plugin may ask for.
const (
	defaultMemoryMB = 256
	defaultTimeout  = 2 * time.Minute
	idleAfter       = 5 * time.Minute
	// A channel is asked only when something came for it, or went: it starts in
	// less time than a message takes to be noticed.
	idleChannel = 20 * time.Second
)

// cells runs plugins for the effects and is the gate's kill switch.
type cells struct {
	*cell.Pool
	driver  *cell.Driver
	plugins *catalogue
	home    func(string) string
	log     hclog.Logger

	once  sync.Once
	found []confine.Measure
}

func openCells(h *Host) (*cells, error) {
	d, err := cell.NewDriver(cell.Config{Binary: h.cfg.CellBinary, RunDir: h.path("run"), Logger: h.log})
	if err != nil {
		return nil, err
	}
	c := &cells{driver: d, plugins: h.plugins, home: h.path, log: h.log}
	c.Pool = cell.NewPool(cell.PoolConfig{Driver: d, Specs: c.spec, Logger: h.log})
	return c, nil
}

// spec says how a plugin's cell is started. The module is checked against the
// lock first; the cell checks the bytes that it loads again.
func (c *cells) spec(name string) (cell.Spec, error) {
	p, ok := c.plugins.lookup(name)
	if !ok {
		return cell.Spec{}, protocol.Errorf(protocol.NotFound, "no plugin %q is installed", name)
	}
	if err := p.unusable(); err != nil {
		return cell.Spec{}, protocol.Errorf(protocol.Unavailable, "plugin %s can't run: %v", name, err)
	}
	if err := c.plugins.registry.Verify(name); err != nil {
		return cell.Spec{}, protocol.Errorf(protocol.Unavailable, "%v", err)
	}
	return c.specOf(p.manifest, p.entry.Digest, c.plugins.registry.Module(p.entry), p.setting.Config), nil
}

func (c *cells) specOf(m *manifest.Manifest, digest, module string, config map[string]string) cell.Spec {
	s := cell.Spec{
		Plugin: m.Name, Digest: digest, Runtime: m.Runtime, Module: module, Config: config,
		Cache: c.home("cache/" + strings.TrimPrefix(digest, "sha256:")), MemoryMB: defaultMemoryMB, Timeout: defaultTimeout, Idle: idleAfter,
	}
	if slices.Equal(m.Kinds, []manifest.Kind{manifest.Channel}) {
		s.Idle = idleChannel
	}
	if n := m.Limits.MemoryMB; n > 0 && n < s.MemoryMB {
		s.MemoryMB = n
	}
	if n := m.Limits.TimeoutSeconds; n > 0 {
		s.Timeout = time.Duration(n) * time.Second
	}
	return s
}

// isolation is how a plugin is confined: as its running cell says, else as the
// machine's probe does.
func (c *cells) isolation(plugin string, _ manifest.Runtime) string {
	if level, ok := c.Isolation(plugin); ok {
		return level
	}
	return confine.Isolation(c.probe(context.Background()))
}

// probe says once what confinement this machine gives, by starting a cell that
// runs nothing. If that can't be told, nothing is assumed.
func (c *cells) probe(ctx context.Context) []confine.Measure {
	c.once.Do(func() {
		measures, err := c.driver.Probe(context.WithoutCancel(ctx))
		if err != nil {
			c.log.Error("the confinement of this machine can't be told", "error", err)
		}
		c.found = measures
	})
	return c.found
}

// Close ends every cell.
func (c *cells) Close() error { return errors.Join(c.Pool.Close(), c.driver.Close()) }

// Invoke runs an export of a plugin for the effects.
func (c *cells) Invoke(ctx context.Context, plugin, export string, input []byte, agent string,
	effect func(context.Context, string, []byte) ([]byte, error), emit func([]byte)) ([]byte, error) {
	return c.Call(ctx, plugin, cell.Call{Export: export, Input: input, Agent: agent, Effect: effect, Emit: emit})
}
