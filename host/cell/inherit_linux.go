package cell

import (
	"os"

	"github.com/ambithost/ambit/host/cell/confine"
	"github.com/ambithost/ambit/sdk/protocol"
)

// inherit gives the child descriptors instead of paths, so that it needs no
// right to traverse the host's folders, and no path is long.
func (p *process) inherit(o *order, d *Driver, s Spec, report *os.File) error {
	binary, err := os.Open(confine.Descriptor(int(d.binary.Fd())))
	if err != nil {
		return protocol.Errorf(protocol.Unavailable, "cell: %v", err)
	}
	p.cmd.Path = confine.Descriptor(p.hand(binary))
	socket, err := os.Open(p.socketDir)
	if err != nil {
		return protocol.Errorf(protocol.Unavailable, "cell: %v", err)
	}
	o.Plan.Socket = confine.Descriptor(p.hand(socket))
	module, err := openModule(s.Module)
	if err != nil {
		return err
	}
	o.ModuleFD = p.hand(module)
	o.Plan.Program = confine.Descriptor(o.ModuleFD)
	if s.Cache != "" && o.Plan.Purpose != confine.RunNative {
		cache, err := openCache(s.Cache)
		if err != nil {
			return err
		}
		o.Plan.Cache = confine.Descriptor(p.hand(cache))
	}
	p.cmd.ExtraFiles = append(p.cmd.ExtraFiles, report) // its owner closes it
	o.ReportFD = 2 + len(p.cmd.ExtraFiles)
	return nil
}
