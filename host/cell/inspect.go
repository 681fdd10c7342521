package cell

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"github.com/ambithost/ambit/host/cell/confine"
	"github.com/ambithost/ambit/sdk/manifest"
	"github.com/ambithost/ambit/sdk/protocol"
)

// Inspect reads what a module is. A Wasm module is compiled into its cache, in
// a confined cell of its own that runs none of it; a *[Refusal] says what makes
// it unfit. What its cache holds already is not compiled again, unless it is
// damaged. A native one is started, and asked nothing.
func (d *Driver) Inspect(ctx context.Context, s Spec) (Inspection, error) {
	s, err := s.withDefaults()
	if err != nil {
		return Inspection{}, err
	}
	if s.Runtime == manifest.Wasm {
		if compiledBefore(s.Cache) {
			if found, err := d.compile(ctx, s, true); err == nil || ctx.Err() != nil {
				return found, err
			}
		}
		return d.compile(ctx, s, false)
	}
	c, err := d.Start(ctx, s)
	if err != nil {
		return Inspection{}, err
	}
	defer c.Kill()
	return c.inspection(), nil
}

func (c *Cell) inspection() Inspection {
	return Inspection{
		Exports: c.hello.Exports, Imports: c.hello.Imports, Measures: c.measures,
		MinPages: c.hello.MemoryMinPages, MaxPages: c.hello.MemoryMaxPages,
	}
}

// compile fills the module's cache: in a folder beside it, which then takes
// its place, so that no compiling cell can write to what others execute. With
// seeded it begins with what was compiled before.
func (d *Driver) compile(ctx context.Context, s Spec, seeded bool) (found Inspection, err error) {
	live := s.Cache
	if live != "" {
		if s.Cache, err = draftCache(live); err != nil {
			return found, err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(s.Cache)) }()
		if seeded {
			if err := seedCache(s.Cache, live); err != nil {
				return found, protocol.Errorf(protocol.Unavailable, "plugin %s: %v", s.Plugin, err)
			}
		}
	}
	c, err := d.start(ctx, s, confine.Compile)
	if err != nil {
		return found, err
	}
	c.Kill()
	<-c.Done()
	if live != "" {
		if err := publishCache(s.Cache, live); err != nil {
			return found, protocol.Errorf(protocol.Unavailable, "plugin %s: compile cache: %v", s.Plugin, err)
		}
	}
	return c.inspection(), nil
}

// Probe starts a cell that runs nothing and returns how it is confined: what a
// cell gets on this machine.
func (d *Driver) Probe(ctx context.Context) ([]confine.Measure, error) {
	empty := filepath.Join(d.runDir, "probe.wasm")
	if err := os.WriteFile(empty, []byte("\x00asm\x01\x00\x00\x00"), 0o600); err != nil {
		return nil, protocol.Errorf(protocol.Unavailable, "cell: probe: %v", err)
	}
	c, err := d.Start(ctx, Spec{Plugin: "probe", Runtime: manifest.Wasm, Module: empty})
	if err != nil {
		return nil, err
	}
	defer c.Kill()
	return c.Measures(), nil
}
