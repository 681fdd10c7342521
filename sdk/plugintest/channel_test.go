package plugintest

import (
	"context"
	"encoding/json"
	"io"
	"strconv"
	"strings"

	"github.com/ambithost/ambit/sdk"
	"github.com/ambithost/ambit/sdk/channel"
	"github.com/ambithost/ambit/sdk/protocol"
)

// postOffice is the service behind the sample's channel: one message after
// each cursor, and one chat.
func postOffice(r HTTPRequest) HTTPResponse {
	if r.Method == "POST" {
		if strings.Contains(string(r.Body), `"chat":"here"`) {
			return HTTPResponse{Body: []byte(`{"id":"1"}`)}
		}
		return HTTPResponse{Status: 404}
	}
	_, after, _ := strings.Cut(r.URL, "after=")
	return HTTPResponse{Body: []byte(`{"next":` + strconv.Itoa(len(after)) + `,"text":"hello"}`)}
}

type sampleCursor struct{ N, Fails int }

// samplePoll keeps all duties.
func samplePoll(_ context.Context, _ *sdk.Host, in channel.Poll) (out channel.Polled, err error) {
	var c sampleCursor
	_ = json.Unmarshal(in.Cursor, &c) // one that is not ours is none
	if in.Error != nil {
		out.Next = channel.Wait{After: 1000, Trouble: in.Error.Message}
	} else if len(in.Answer) > 0 {
		var got struct {
			Next int
			Text string
		}
		resp, err := sdk.ReadAnswer(in.Answer)
		if err == nil {
			err = json.NewDecoder(resp.Body).Decode(&got)
		}
		if err != nil || got.Text == "" {
			out.Next.After = 1000
		} else {
			c.N += got.Next
			out.Events = []channel.Event{{ID: strconv.Itoa(c.N), Chat: channel.Chat{ID: "here", Direct: true}, From: channel.Person{ID: "ann"}, Text: got.Text}}
		}
	}
	if out.Cursor, err = json.Marshal(c); err != nil {
		return out, err
	}
	out.Next.Request, err = sdk.Request{URL: "https://post.example/?after=" + strconv.Itoa(c.N)}.Args()
	return out, err
}

func sampleSend(ctx context.Context, h *sdk.Host, in channel.Send) (channel.Sent, error) {
	body, err := json.Marshal(in)
	if err != nil {
		return channel.Sent{}, err
	}
	resp, err := h.HTTP(ctx, sdk.Request{Method: "POST", URL: "https://post.example/", Body: body})
	if err != nil {
		return channel.Sent{}, err
	}
	defer resp.Body.Close()
	if resp.Status != 200 {
		return channel.Sent{}, protocol.Errorf(protocol.NotFound, "no chat %q", in.Chat)
	}
	_, err = io.Copy(io.Discard, resp.Body)
	return channel.Sent{Ref: "1"}, err
}

// polled changes what the sample's poll gives.
func polled(change func(in channel.Poll, out *channel.Polled)) func(*sdk.Plugin) {
	return func(p *sdk.Plugin) {
		p.Poll = func(ctx context.Context, h *sdk.Host, in channel.Poll) (channel.Polled, error) {
			out, err := samplePoll(ctx, h, in)
			change(in, &out)
			return out, err
		}
	}
}

func sends(send func(ctx context.Context, h *sdk.Host, in channel.Send) (channel.Sent, error)) func(*sdk.Plugin) {
	return func(p *sdk.Plugin) { p.Send = send }
}

func channelBreaches() []breach {
	arrived := func(change func(*channel.Event)) func(*sdk.Plugin) {
		return polled(func(_ channel.Poll, out *channel.Polled) {
			for i := range out.Events {
				change(&out.Events[i])
			}
		})
	}
	calls := 0
	return []breach{
		{duty: 16, name: "nothing arrives", want: "nothing arrived", change: polled(func(_ channel.Poll, out *channel.Polled) { out.Events = nil })},
		{duty: 16, name: "no id", want: "an id is missing", change: arrived(func(e *channel.Event) { e.From.ID = "" })},
		{duty: 16, name: "nothing said", want: "says nothing", change: arrived(func(e *channel.Event) { e.Text = "" })},
		{duty: 16, name: "long text", want: "too long", change: arrived(func(e *channel.Event) { e.Text = strings.Repeat("x", channel.MaxText+1) })},
		{duty: 16, name: "a path for a name", want: "../x", change: arrived(func(e *channel.Event) { e.Files = []channel.File{{Name: "../x", Type: "text/plain"}} })},
		{duty: 16, name: "no cursor", want: "no cursor", change: polled(func(_ channel.Poll, out *channel.Polled) { out.Cursor = nil })},
		{duty: 16, name: "elsewhere", want: "beyond the manifest's scope", change: polled(func(_ channel.Poll, out *channel.Polled) {
			out.Next.Request = json.RawMessage(`{"method":"GET","url":"https://other.example/"}`)
		})},
		{duty: 16, name: "twice the same id", want: "two events", change: polled(func(_ channel.Poll, out *channel.Polled) { out.Events = append(out.Events, out.Events...) })},
		{duty: 17, name: "forgets", want: "then", change: polled(func(_ channel.Poll, out *channel.Polled) {
			if calls++; calls > 2 {
				out.Events = nil
			}
		})},
		{duty: 17, name: "odd cursor", want: "a poll with the cursor", change: polled(func(in channel.Poll, _ *channel.Polled) {
			var c sampleCursor
			if len(in.Cursor) > 0 && json.Unmarshal(in.Cursor, &c) != nil {
				panic("not my cursor")
			}
		})},
		{duty: 18, name: "says nothing of a denial", want: "does not say so", change: polled(func(_ channel.Poll, out *channel.Polled) { out.Next.Trouble = "" })},
		{duty: 18, name: "asks on", want: "without a wait", change: polled(func(_ channel.Poll, out *channel.Polled) { out.Next.After = 0 })},
		{duty: 19, name: "takes anything", want: "was taken", change: sends(func(context.Context, *sdk.Host, channel.Send) (channel.Sent, error) { return channel.Sent{}, nil })},
		{duty: 19, name: "tries for ever", want: "can be tried again", change: sends(func(ctx context.Context, h *sdk.Host, in channel.Send) (channel.Sent, error) {
			sent, err := sampleSend(ctx, h, in)
			if protocol.CodeOf(err) == protocol.NotFound && err != nil {
				err = protocol.Errorf(protocol.Unavailable, "later")
			}
			return sent, err
		})},
		{duty: 19, name: "hides a denial", want: "instead of denied", change: sends(func(ctx context.Context, h *sdk.Host, in channel.Send) (channel.Sent, error) {
			sent, err := sampleSend(ctx, h, in)
			if protocol.CodeOf(err) == protocol.Denied && err != nil {
				err = protocol.Errorf(protocol.Failed, "failed")
			}
			return sent, err
		})},
		{duty: 20, name: "trusts an answer", want: "panic", change: polled(func(in channel.Poll, _ *channel.Polled) {
			if string(in.Answer) == `{"status":204}` {
				panic("no body")
			}
		})},
		{duty: 20, name: "hammers", want: "at once", change: polled(func(_ channel.Poll, out *channel.Polled) { out.Next.After = 0 })},
	}
}
