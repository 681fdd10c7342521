// Command gemini speaks the generateContent protocol of Google.
package main

import "github.com/ambithost/ambit/sdk/run"

var program = run.New(gemini())

func main() { program.Main() }
