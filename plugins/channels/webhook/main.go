// Command webhook talks with people over a program of the owner's, by webhooks
// in both directions that are signed as Standard Webhooks says
// (standardwebhooks.com). The host signs and verifies; the plugin knows no key.
//
// What comes in has another type than what goes out: one of our own messages,
// sent back to us under its valid signature, is not understood.
//
// Who holds the key says who wrote a message. Whether that person counts for
// anything is the host's business.
package main

import (
	"context"
	"time"

	"github.com/ambithost/ambit/sdk"
	"github.com/ambithost/ambit/sdk/channel"
	"github.com/ambithost/ambit/sdk/run"
)

var program = run.New(webhook())

func main() { program.Main() }

func webhook() sdk.Plugin {
	return sdk.Plugin{Name: "webhook", Version: "0.1.0", Poll: poll, Send: send, Webhook: receive}
}

// poll has nothing to ask for: messages come by themselves.
func poll(context.Context, *sdk.Host, channel.Poll) (channel.Polled, error) {
	return channel.Polled{Next: channel.Wait{After: (24 * time.Hour).Milliseconds()}}, nil
}
