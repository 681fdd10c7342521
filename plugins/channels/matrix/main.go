// Command matrix talks with people over the client-server API of Matrix
// (spec.matrix.org), with an account of its own.
//
// The sync token is the cursor. It moves on only when everything that an
// answer brought has been told: what does not fit into one poll is asked for
// again, from the same token.
//
// Only direct chats are read and written: rooms in which the account and one
// other person have joined, and nobody else. That is asked of the server for
// each message. Encrypted messages can't be read.
package main

import (
	"github.com/ambithost/ambit/sdk"
	"github.com/ambithost/ambit/sdk/run"
)

var program = run.New(matrix())

func main() { program.Main() }

func matrix() sdk.Plugin {
	return sdk.Plugin{Name: "matrix", Version: "0.1.0", Poll: poll, Send: send}
}
