//go:build wasip1

package run

import (
	"github.com/ambithost/ambit/sdk"
	"github.com/ambithost/ambit/sdk/guest"
)

// New makes p callable by the host.
func New(p sdk.Plugin) *Program {
	guest.Export(&p)
	return &Program{&p}
}

// Main is empty: the host calls the module's exports.
func (*Program) Main() {}
