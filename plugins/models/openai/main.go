// Command openai speaks the Chat Completions protocol of OpenAI, which Ollama,
// llama.cpp, vLLM and many others speak as well.
package main

import "github.com/ambithost/ambit/sdk/run"

var program = run.New(openai())

func main() { program.Main() }
