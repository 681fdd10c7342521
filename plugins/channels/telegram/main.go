// Command telegram talks with people over the Bot API of Telegram
// (core.telegram.org/bots/api), by long polling.
//
// An update is gone at Telegram once a later getUpdates passes an offset above
// its id. The offset is the cursor: it goes out with a request that the host
// makes only after events and cursor are on disk, so that an update is
// forgotten there only when it is stored here.
//
// Only private chats are read. What is written in a group is dropped here.
package main

import (
	"github.com/ambithost/ambit/sdk"
	"github.com/ambithost/ambit/sdk/run"
)

var program = run.New(telegram())

func main() { program.Main() }

func telegram() sdk.Plugin {
	return sdk.Plugin{Name: "telegram", Version: "0.1.0", Poll: poll, Send: send}
}
