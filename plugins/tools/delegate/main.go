// Command delegate lets an agent set sub-agents to work: on one task each, with
// fewer tools than it has itself. The host runs them and holds them to that; this
// plugin only asks.
package main

import "github.com/ambithost/ambit/sdk/run"

var program = run.New(delegate())

func main() { program.Main() }
