// Command anthropic speaks the Messages protocol of Anthropic, which several
// other servers speak as well.
package main

import "github.com/ambithost/ambit/sdk/run"

var program = run.New(anthropic())

func main() { program.Main() }
