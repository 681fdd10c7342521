// Command memory lets an agent remember from one conversation to the next. The
// host keeps the notes, with the labels of what they were made from; this plugin
// only asks for them.
package main

import "github.com/ambithost/ambit/sdk/run"

var program = run.New(memory())

func main() { program.Main() }
