// Command openai speaks the Responses protocol of OpenAI, and Chat Completions,
// which Ollama, llama.cpp, vLLM and many others speak as well.
package main

import "github.com/ambithost/ambit/sdk/run"

var program = run.New(openai())

func main() { program.Main() }
