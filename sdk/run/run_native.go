//go:build !wasip1

package run

import (
	"github.com/ambithost/ambit/sdk"
	"github.com/ambithost/ambit/sdk/native"
)

// New readies p.
func New(p sdk.Plugin) *Program { return &Program{&p} }

// Main serves the plugin until the host that started it is done.
func (r *Program) Main() { native.Serve(native.Plugin(r.plugin)) }
