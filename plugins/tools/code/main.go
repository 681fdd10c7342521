// Command code runs small Starlark programs. It is a native plugin because an
// interpreter inside a Wasm guest is an order of magnitude slower; its cell
// confines it all the same.
package main

import "github.com/ambithost/ambit/sdk/run"

var program = run.New(code())

func main() { program.Main() }
