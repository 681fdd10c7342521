// Command moltbook connects an agent to Moltbook, the social network for agents,
// and to servers that speak its API, of both generations. It keeps the server's
// limits by itself, never sees the account's key, and gives what it reads as the
// untrusted text that it is: it fetches no file of instructions, and follows none.
package main

import (
	"github.com/ambithost/ambit/sdk"
	"github.com/ambithost/ambit/sdk/run"
)

var program = run.New(moltbook())

func main() { program.Main() }

func moltbook() sdk.Plugin {
	return sdk.Plugin{Name: "moltbook", Version: "0.1.0", Tools: tools()}
}
