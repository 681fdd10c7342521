// Command schedule lets an agent plan for itself: it is woken later and told
// what it noted. The host keeps the plans; this plugin only asks for them.
package main

import "github.com/ambithost/ambit/sdk/run"

var program = run.New(schedule())

func main() { program.Main() }
