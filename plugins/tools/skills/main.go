// Command skills lets an agent read the skills that its owner added. The host keeps
// them and gives their texts; this plugin only asks, and runs nothing.
package main

import "github.com/ambithost/ambit/sdk/run"

var program = run.New(skills())

func main() { program.Main() }
