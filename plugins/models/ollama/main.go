// Command ollama speaks the native protocol of Ollama, for models on your own
// machine.
package main

import "github.com/ambithost/ambit/sdk/run"

var program = run.New(ollama())

func main() { program.Main() }
