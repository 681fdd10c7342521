// Package run turns a plugin into a program. A whole main.go is
//
//	var program = run.New(plugin())
//
//	func main() { program.Main() }
//
// In a native build Main serves the plugin to the host that started it. In a
// Wasm build (-buildmode=c-shared) nobody calls main: New, which runs while
// the module's variables are initialised, is what makes the plugin callable.
// Both lines are needed for one source to build both ways.
package run

import "github.com/ambithost/ambit/sdk"

// Program is a plugin about to run.
type Program struct{ plugin *sdk.Plugin }
