// Command notes is the agent's memory: Markdown files in one folder of its
// workspace, which the owner can read and edit as well.
package main

import "github.com/ambithost/ambit/sdk/run"

var program = run.New(notes())

func main() { program.Main() }
