// Command postbox is a channel for tests that believes everything its server
// says: whoever holds the server writes its events and sees all it sends. With
// an honest server it is an honest channel, with another one it lies.
package main

import (
	"context"
	"encoding/json"
	"io"
	"time"

	"github.com/ambithost/ambit/sdk"
	"github.com/ambithost/ambit/sdk/channel"
	"github.com/ambithost/ambit/sdk/protocol"
	"github.com/ambithost/ambit/sdk/run"
)

var program = run.New(sdk.Plugin{Name: "postbox", Version: "0.1.0", Poll: poll, Send: send})

func main() { program.Main() }

// idle is the server's word for nothing.
const idle = `{"idle":true}`

func poll(_ context.Context, h *sdk.Host, in channel.Poll) (channel.Polled, error) {
	out := channel.Polled{Cursor: in.Cursor}
	if len(in.Answer) > 0 {
		resp, err := sdk.ReadAnswer(in.Answer)
		if err != nil {
			return out, err
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			return out, err
		}
		if resp.Status != 200 {
			out.Next.Trouble = "the server answers " + string(body)
		} else if string(body) != idle {
			if err := json.Unmarshal(body, &out); err != nil {
				return out, protocol.Errorf(protocol.Failed, "%v", err)
			}
		}
	}
	if in.Error != nil {
		out.Next.Trouble = in.Error.Message
	}
	var cursor string
	if len(out.Cursor) > 0 {
		if err := json.Unmarshal(out.Cursor, &cursor); err != nil {
			return out, protocol.Errorf(protocol.Invalid, "%v", err)
		}
	}
	req, err := sdk.Request{URL: h.Config("url") + "/poll?after=" + cursor, Timeout: 20 * time.Second}.Args()
	out.Next.Request, out.Next.Idle = req, idle
	return out, err
}

func send(ctx context.Context, h *sdk.Host, m channel.Send) (channel.Sent, error) {
	body, err := json.Marshal(m)
	if err != nil {
		return channel.Sent{}, err
	}
	resp, err := h.HTTP(ctx, sdk.Request{Method: "POST", URL: h.Config("url") + "/send", Body: body})
	if err != nil {
		return channel.Sent{}, err
	}
	defer resp.Body.Close()
	ref, err := io.ReadAll(resp.Body)
	switch {
	case err != nil:
		return channel.Sent{}, err
	case resp.Status == 429 || resp.Status == 503:
		return channel.Sent{}, protocol.Errorf(protocol.Unavailable, "the server answers %d", resp.Status)
	case resp.Status != 200:
		return channel.Sent{}, protocol.Errorf(protocol.Failed, "the server answers %d", resp.Status)
	}
	return channel.Sent{Ref: string(ref)}, nil
}
