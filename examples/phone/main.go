// Command phone is a pretend telephone: it carries the power call.place, so that
// rules about calls can be tried without anybody's phone ringing.
package main

import "github.com/ambithost/ambit/sdk/run"

var program = run.New(phone())

func main() { program.Main() }
