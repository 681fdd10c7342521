// Command web fetches pages and makes them readable for a model.
package main

import "github.com/ambithost/ambit/sdk/run"

var program = run.New(web())

func main() { program.Main() }
