//go:build !linux

package cell

import (
	"os"
	"runtime"

	"github.com/ambithost/ambit/host/cell/confine"
	"github.com/ambithost/ambit/sdk/protocol"
)

// inherit hands paths over: nothing keeps the child from them here.
func (p *process) inherit(o *order, d *Driver, s Spec, report *os.File) error {
	module, err := openModule(s.Module)
	if err != nil {
		return err
	}
	_ = module.Close()
	p.cmd.Path = d.config.Binary
	o.Plan.Socket, o.Plan.Program, o.Plan.Cache = p.socketDir, s.Module, s.Cache
	if s.Cache != "" {
		cache, err := openCache(s.Cache)
		if err != nil {
			return err
		}
		_ = cache.Close()
	}
	if runtime.GOOS == "windows" {
		return protocol.Errorf(protocol.Unavailable, "cell: not on windows yet: no descriptor can be handed over for %s", confine.Process)
	}
	p.cmd.ExtraFiles = append(p.cmd.ExtraFiles, report)
	o.ReportFD = 2 + len(p.cmd.ExtraFiles)
	return nil
}
