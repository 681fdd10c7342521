package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/ambithost/ambit/plugins/social/moltbook/api"
	"github.com/ambithost/ambit/sdk"
	"github.com/ambithost/ambit/sdk/protocol"
)

var noMessages = noFeature("messages", "Comment on a post instead; that is public.")

func (c *client) list(ctx context.Context, path, name string) ([]api.Doc, error) {
	doc, err := c.do(ctx, ask{method: "GET", path: path, missing: noMessages})
	if err != nil {
		return nil, err
	}
	if items := doc.In(name).List("items"); items != nil {
		return items, nil
	}
	return doc.List(name), nil
}

func messages(ctx context.Context, c *sdk.Call) (sdk.Result, error) {
	_, cl, err := begin(c)
	if err != nil {
		return sdk.Result{}, err
	}
	check, err := cl.do(ctx, ask{method: "GET", path: "/agents/dm/check", missing: noMessages})
	if err != nil {
		return sdk.Result{}, err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%d requests wait, %d unread messages\n", check.In("requests").Int("count"), check.In("messages").Int("total_unread"))
	for _, r := range check.In("requests").List("items") {
		fmt.Fprintf(&b, "request from %s, %s\n", who(r.Name("from")), when(r.Time("created_at")))
		quote(&b, r.Text("message_preview", "message"), inNote)
	}
	list, err := cl.list(ctx, "/agents/dm/conversations", "conversations")
	if err != nil {
		return sdk.Result{}, err
	}
	for _, d := range list {
		fmt.Fprintf(&b, "conversation with %s, %d unread, last %s\n", who(d.Name("with_agent")), d.Int("unread_count"), when(d.Time("last_message_at")))
	}
	return sdk.Text(b.String()), nil
}

// with finds the conversation, or the request, of an agent. Tools take names and
// no ids: a name is what the owner and rules know.
func with(list []api.Doc, name, member string) (string, error) {
	for _, d := range list {
		if d.Name(member) == name {
			if id := d.ID("conversation_id", "id"); id != "" {
				return id, nil
			}
		}
	}
	return "", protocol.Errorf(protocol.NotFound, "there is none with %q; messages shows those there are", short(name, 64))
}

func conversation(ctx context.Context, c *sdk.Call) (sdk.Result, error) {
	a, cl, err := begin(c)
	if err != nil {
		return sdk.Result{}, err
	}
	list, err := cl.list(ctx, "/agents/dm/conversations", "conversations")
	if err != nil {
		return sdk.Result{}, err
	}
	id, err := with(list, a.Name, "with_agent")
	if err != nil {
		return sdk.Result{}, err
	}
	doc, err := cl.do(ctx, ask{method: "GET", path: "/agents/dm/conversations/" + id})
	if err != nil {
		return sdk.Result{}, err
	}
	var b strings.Builder
	for _, m := range doc.List("messages") {
		fmt.Fprintf(&b, "%s, %s", who(m.Name("from", "sender")), when(m.Time("created_at")))
		if m.True("needs_human_input") {
			b.WriteString(", asks for the human")
		}
		b.WriteByte('\n')
		quote(&b, m.Text("message", "content"), inNote)
	}
	if b.Len() == 0 {
		return sdk.Text("No messages."), nil
	}
	return sdk.Text(b.String()), nil
}

// one recipient: what is sent to several is several messages.
func (a args) recipient() (string, error) {
	if len(a.Recipients) != 1 {
		return "", protocol.Errorf(protocol.Invalid, "recipients: want one")
	}
	return segment("recipient", a.Recipients[0])
}

func requestConversation(ctx context.Context, c *sdk.Call) (sdk.Result, error) {
	a, cl, err := begin(c)
	if err != nil {
		return sdk.Result{}, err
	}
	to, err := a.recipient()
	if err != nil {
		return sdk.Result{}, err
	}
	// Whether there are messages at all is asked first, because the agent may be
	// what is not found afterwards.
	if _, err := cl.do(ctx, ask{method: "GET", path: "/agents/dm/check", missing: noMessages}); err != nil {
		return sdk.Result{}, err
	}
	if _, err := cl.do(ctx, ask{method: "POST", path: "/agents/dm/request", body: map[string]string{"to": to, "message": a.Text}}); err != nil {
		return sdk.Result{}, err
	}
	return sdk.Textf("Asked %s; its owner has to agree.", to), nil
}

func message(ctx context.Context, c *sdk.Call) (sdk.Result, error) {
	a, cl, err := begin(c)
	if err != nil {
		return sdk.Result{}, err
	}
	to, err := a.recipient()
	if err != nil {
		return sdk.Result{}, err
	}
	list, err := cl.list(ctx, "/agents/dm/conversations", "conversations")
	if err != nil {
		return sdk.Result{}, err
	}
	id, err := with(list, to, "with_agent")
	if err != nil {
		return sdk.Result{}, err
	}
	body := map[string]any{"message": a.Text}
	if a.NeedsHuman {
		body["needs_human_input"] = true
	}
	if _, err := cl.do(ctx, ask{method: "POST", path: "/agents/dm/conversations/" + id + "/send", body: body}); err != nil {
		return sdk.Result{}, err
	}
	return sdk.Textf("Sent to %s.", to), nil
}

func answerRequest(ctx context.Context, c *sdk.Call) (sdk.Result, error) {
	a, cl, err := begin(c)
	if err != nil {
		return sdk.Result{}, err
	}
	if a.Agree && a.Block {
		return sdk.Result{}, protocol.Errorf(protocol.Invalid, "block goes with declining only")
	}
	list, err := cl.list(ctx, "/agents/dm/requests", "requests")
	if err != nil {
		return sdk.Result{}, err
	}
	id, err := with(list, a.Who, "from")
	if err != nil {
		return sdk.Result{}, err
	}
	do := ask{method: "POST", path: "/agents/dm/requests/" + id + "/reject"}
	said := "Declined."
	switch {
	case a.Agree:
		do.path, said = "/agents/dm/requests/"+id+"/approve", "Agreed; "+short(a.Who, 64)+" can write now."
	case a.Block:
		do.body, said = map[string]bool{"block": true}, "Declined, and blocked."
	}
	if _, err := cl.do(ctx, do); err != nil {
		return sdk.Result{}, err
	}
	return sdk.Text(said), nil
}
