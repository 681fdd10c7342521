package main

import (
	"context"
	"fmt"
	"net/url"
	"strings"

	"github.com/ambithost/ambit/plugins/social/moltbook/api"
	"github.com/ambithost/ambit/sdk"
	"github.com/ambithost/ambit/sdk/protocol"
)

// args are the arguments of all tools; each has its own of them in its schema.
type args struct {
	Source, Name, Description, Submolt, Sort, Page, Query string
	Post, Comment, Parent, Place, Title, Text, URL        string
	Code, Answer, Who                                     string
	DisplayName                                           string `json:"display_name"`
	NeedsHuman                                            bool   `json:"needs_human"`
	Undo, Following, Down, Agree, Block                   bool
	Limit                                                 int
	Recipients                                            []string
}

// begin reads the arguments and makes the client.
func begin(c *sdk.Call) (args, *client, error) {
	var a args
	if err := c.Bind(&a); err != nil {
		return a, nil, err
	}
	if a.Source != "" && a.Source != "moltbook" {
		return a, nil, protocol.Errorf(protocol.Invalid, "source %.40q: this plugin is about moltbook", a.Source)
	}
	cl, err := newClient(c.Host)
	return a, cl, err
}

const claimKey = "claim"

// register makes the account. The key stays with the host.
func register(ctx context.Context, c *sdk.Call) (sdk.Result, error) {
	a, cl, err := begin(c)
	if err != nil {
		return sdk.Result{}, err
	}
	if l := len(a.Name); l < 2 || l > 32 || strings.Trim(a.Name, "abcdefghijklmnopqrstuvwxyz0123456789_") != "" {
		return sdk.Result{}, protocol.Errorf(protocol.Invalid, "name %.80q: want 2 to 32 of a-z, 0-9, _", a.Name)
	}
	doc, err := cl.do(ctx, ask{method: "POST", path: "/agents/register", body: map[string]string{"name": a.Name, "description": a.Description}, capture: true})
	if err != nil {
		return sdk.Result{}, err
	}
	if err := cl.pace.registered(ctx, c.Host); err != nil {
		return sdk.Result{}, err
	}
	agent := doc.In("agent")
	link, code := claimLink(agent.Text("claim_url")), short(agent.Text("verification_code"), 80)
	if err := c.Put(ctx, claimKey, []byte(link+"\n"+code)); err != nil {
		return sdk.Result{}, err
	}
	return sdk.Textf("Registered as %s; the key is kept by the host as the secret %s.\n%s", a.Name, cl.secret, howToClaim(link, code)), nil
}

// claimLink is the link if it is one that can be shown.
func claimLink(s string) string {
	u, err := url.Parse(s)
	if err != nil || len(s) > 500 || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || plain(s) != s || strings.ContainsAny(s, " \n\t") {
		return ""
	}
	return s
}

func howToClaim(link, code string) string {
	if link == "" {
		return "The server gave no usable link with which the owner claims the account."
	}
	text := "For the owner only: whoever opens this link can claim the account: " + link
	if code != "" {
		text += "\nVerification code: " + code
	}
	return text
}

func status(ctx context.Context, c *sdk.Call) (sdk.Result, error) {
	_, cl, err := begin(c)
	if err != nil {
		return sdk.Result{}, err
	}
	doc, err := cl.do(ctx, ask{method: "GET", path: "/agents/status"})
	if err != nil {
		return sdk.Result{}, err
	}
	switch s := doc.Text("status"); s {
	case "claimed":
		return sdk.Text("The account is claimed by its owner."), nil
	case "pending_claim":
		kept, err := c.Get(ctx, claimKey)
		if err != nil && protocol.CodeOf(err) != protocol.NotFound {
			return sdk.Result{}, err
		}
		link, code, _ := strings.Cut(string(kept), "\n")
		return sdk.Text("The owner has not claimed the account yet.\n" + howToClaim(link, code)), nil
	default:
		return sdk.Textf("The server says %q.", short(s, 100)), nil
	}
}

func me(ctx context.Context, c *sdk.Call) (sdk.Result, error) {
	_, cl, err := begin(c)
	if err != nil {
		return sdk.Result{}, err
	}
	doc, err := cl.do(ctx, ask{method: "GET", path: "/agents/me"})
	if err != nil {
		return sdk.Result{}, err
	}
	var b strings.Builder
	showAgent(&b, doc.In("agent"))
	return sdk.Text(b.String()), nil
}

func updateProfile(ctx context.Context, c *sdk.Call) (sdk.Result, error) {
	a, cl, err := begin(c)
	if err != nil {
		return sdk.Result{}, err
	}
	_, err = cl.do(ctx, ask{method: "PATCH", path: "/agents/me", body: map[string]string{"description": a.Description}})
	if err != nil {
		return sdk.Result{}, err
	}
	return sdk.Text("The profile is changed."), nil
}

func profile(ctx context.Context, c *sdk.Call) (sdk.Result, error) {
	a, cl, err := begin(c)
	if err != nil {
		return sdk.Result{}, err
	}
	if _, err := segment("name", a.Name); err != nil {
		return sdk.Result{}, err
	}
	doc, err := cl.do(ctx, ask{method: "GET", path: "/agents/profile", query: url.Values{"name": {a.Name}}})
	if err != nil {
		return sdk.Result{}, err
	}
	var b strings.Builder
	showAgent(&b, doc.In("agent"))
	for _, p := range doc.List("recentPosts", "recent_posts") {
		showPost(&b, api.PostOf(p), inList)
	}
	return sdk.Text(b.String()), nil
}

func follow(ctx context.Context, c *sdk.Call) (sdk.Result, error) {
	return turn(ctx, c, "/agents/", "/follow", "following")
}

func subscribe(ctx context.Context, c *sdk.Call) (sdk.Result, error) {
	return turn(ctx, c, "/submolts/", "/subscribe", "subscribed to")
}

// turn switches something on or off that has a name.
func turn(ctx context.Context, c *sdk.Call, before, after, state string) (sdk.Result, error) {
	a, cl, err := begin(c)
	if err != nil {
		return sdk.Result{}, err
	}
	name, err := segment("name", a.Name)
	if err != nil {
		return sdk.Result{}, err
	}
	method, no := "POST", ""
	if a.Undo {
		method, no = "DELETE", "no longer "
	}
	if _, err := cl.do(ctx, ask{method: method, path: before + name + after}); err != nil {
		return sdk.Result{}, err
	}
	return sdk.Textf("Now %s%s %s.", no, state, name), nil
}

func verify(ctx context.Context, c *sdk.Call) (sdk.Result, error) {
	a, cl, err := begin(c)
	if err != nil {
		return sdk.Result{}, err
	}
	if _, err := segment("code", a.Code); err != nil {
		return sdk.Result{}, err
	}
	doc, err := cl.do(ctx, ask{method: "POST", path: "/verify", body: map[string]string{"verification_code": a.Code, "answer": strings.TrimSpace(a.Answer)},
		missing: "the server knows no such code, or has no challenges at all"})
	if err != nil {
		return sdk.Result{}, err
	}
	return sdk.Textf("The answer is right; what you wrote is shown now (%s %s).", short(doc.Text("content_type"), 20), short(doc.ID("content_id"), 128)), nil
}

func home(ctx context.Context, c *sdk.Call) (sdk.Result, error) {
	_, cl, err := begin(c)
	if err != nil {
		return sdk.Result{}, err
	}
	doc, err := cl.do(ctx, ask{method: "GET", path: "/home", missing: noFeature("dashboard", "Use feed, and read your own posts.")})
	if err != nil {
		return sdk.Result{}, err
	}
	var b strings.Builder
	account, mail := doc.In("your_account"), doc.In("your_direct_messages")
	fmt.Fprintf(&b, "account %s, karma %d, %d unread notifications, %d requests and %d unread messages\n", who(account.Text("name")), account.Int("karma"),
		account.Int("unread_notification_count"), mail.Int("pending_request_count"), mail.Int("unread_message_count"))
	for _, p := range doc.List("activity_on_your_posts") {
		fmt.Fprintf(&b, "on your post %s in %s: %d new\n", short(p.ID("post_id"), 128), who(p.Name("submolt_name")), p.Int("new_notification_count"))
		quote(&b, short(p.Text("post_title"), 300), 301)
	}
	for _, p := range doc.In("posts_from_accounts_you_follow").List("posts") {
		showPost(&b, api.PostOf(p), inList)
	}
	return sdk.Text(b.String()), nil
}

func notifications(ctx context.Context, c *sdk.Call) (sdk.Result, error) {
	_, cl, err := begin(c)
	if err != nil {
		return sdk.Result{}, err
	}
	doc, err := cl.do(ctx, ask{method: "GET", path: "/notifications", missing: noFeature("notifications", "Read your own posts to see what was answered.")})
	if err != nil {
		return sdk.Result{}, err
	}
	var b strings.Builder
	for _, n := range doc.List("notifications") {
		fmt.Fprintf(&b, "%s from %s, %s", who(n.Text("type")), who(n.Name("from", "actor")), when(n.Time("created_at")))
		if id := n.ID("post_id"); id != "" {
			b.WriteString(", post " + id)
		}
		if n.Text("is_read", "read") == "false" {
			b.WriteString(", unread")
		}
		b.WriteByte('\n')
		quote(&b, n.Text("message", "content"), inNote)
	}
	if b.Len() == 0 {
		return sdk.Text("No notifications."), nil
	}
	return sdk.Text(b.String()), nil
}

func markRead(ctx context.Context, c *sdk.Call) (sdk.Result, error) {
	a, cl, err := begin(c)
	if err != nil {
		return sdk.Result{}, err
	}
	path := "/notifications/read-all"
	if a.Post != "" {
		id, err := segment("post", a.Post)
		if err != nil {
			return sdk.Result{}, err
		}
		path = "/notifications/read-by-post/" + id
	}
	if _, err := cl.do(ctx, ask{method: "POST", path: path, missing: noFeature("notifications", "There is nothing to mark.")}); err != nil {
		return sdk.Result{}, err
	}
	return sdk.Text("Marked as read."), nil
}
