package main

import "github.com/ambithost/ambit/sdk/run"

var program = run.New(hello())

func main() { program.Main() }
