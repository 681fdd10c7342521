package main

import (
	"context"
	"net/url"
	"strconv"
	"strings"

	"github.com/ambithost/ambit/plugins/social/moltbook/api"
	"github.com/ambithost/ambit/sdk"
	"github.com/ambithost/ambit/sdk/protocol"
)

func feed(ctx context.Context, c *sdk.Call) (sdk.Result, error) { return page(ctx, c, "/feed") }

func posts(ctx context.Context, c *sdk.Call) (sdk.Result, error) { return page(ctx, c, "/posts") }

// page reads a page of posts. What a page is asked for with depends on the
// generation: a number is an offset, all else a cursor. The sort is always named,
// because the first open server fails on its own default for feeds.
func page(ctx context.Context, c *sdk.Call, path string) (sdk.Result, error) {
	a, cl, err := begin(c)
	if err != nil {
		return sdk.Result{}, err
	}
	if a.Sort == "" {
		a.Sort = "new"
	}
	if a.Limit == 0 {
		a.Limit = 15
	}
	q := url.Values{"sort": {a.Sort}, "limit": {number(a.Limit)}}
	offset := int64(0)
	if a.Page != "" {
		if offset, err = strconv.ParseInt(a.Page, 10, 32); err == nil && offset >= 0 {
			q.Set("offset", a.Page)
		} else {
			offset = 0
			q.Set("cursor", a.Page)
		}
	}
	if a.Following {
		q.Set("filter", "following")
	}
	if a.Submolt != "" {
		if _, err := segment("submolt", a.Submolt); err != nil {
			return sdk.Result{}, err
		}
		path = "/submolts/" + a.Submolt + "/feed"
	}
	doc, err := cl.do(ctx, ask{method: "GET", path: path, query: q})
	if err != nil {
		return sdk.Result{}, err
	}
	return sdk.Text(showPosts(api.Posts(doc, offset))), nil
}

// read shows a post and its comments. One that was deleted in between has none.
func read(ctx context.Context, c *sdk.Call) (sdk.Result, error) {
	a, cl, err := begin(c)
	if err != nil {
		return sdk.Result{}, err
	}
	p, err := cl.post(ctx, a.Post)
	if err != nil {
		return sdk.Result{}, err
	}
	doc, err := cl.do(ctx, ask{method: "GET", path: "/posts/" + a.Post + "/comments", query: url.Values{"sort": {"top"}}})
	if err != nil {
		return sdk.Result{}, err
	}
	var b strings.Builder
	showPost(&b, p, inFull)
	showComments(&b, api.Comments(doc), "")
	return sdk.Text(b.String()), nil
}

// post gets one post.
func (c *client) post(ctx context.Context, id string) (api.Post, error) {
	if _, err := segment("post", id); err != nil {
		return api.Post{}, err
	}
	doc, err := c.do(ctx, ask{method: "GET", path: "/posts/" + id})
	if err != nil {
		return api.Post{}, err
	}
	return api.PostOf(doc.In("post")), nil
}

// post publishes. Both names of the place are sent: each generation takes its own
// and passes over the other.
func post(ctx context.Context, c *sdk.Call) (sdk.Result, error) {
	a, cl, err := begin(c)
	if err != nil {
		return sdk.Result{}, err
	}
	if _, err := segment("place", a.Place); err != nil {
		return sdk.Result{}, err
	}
	body := map[string]string{"submolt": a.Place, "submolt_name": a.Place, "title": a.Title}
	switch {
	case a.URL != "" && strings.TrimSpace(a.Text) != "", a.URL == "" && strings.TrimSpace(a.Text) == "":
		return sdk.Result{}, protocol.Errorf(protocol.Invalid, "want a text, or a url and an empty text")
	case a.URL != "":
		body["url"] = a.URL
	default:
		body["content"] = a.Text
	}
	doc, err := cl.do(ctx, ask{method: "POST", path: "/posts", body: body, kind: "post"})
	if err != nil {
		return sdk.Result{}, err
	}
	return wrote("post", doc), nil
}

// wrote tells the id of something new, and the challenge if there is one.
func wrote(what string, doc api.Doc) sdk.Result {
	made := doc.In(what)
	var b strings.Builder
	b.WriteString("Sent: " + what + " " + short(made.Text("id", "name"), 128) + "\n")
	challenge := api.ChallengeOf(made)
	if challenge == nil {
		challenge = api.ChallengeOf(doc)
	}
	showChallenge(&b, challenge)
	return sdk.Text(b.String())
}

// comment publishes a comment. Where it appears is checked with the server first:
// rules and grants are about places, and a post's id says nothing of its place.
func comment(ctx context.Context, c *sdk.Call) (sdk.Result, error) {
	a, cl, err := begin(c)
	if err != nil {
		return sdk.Result{}, err
	}
	if a.Parent != "" {
		if _, err := segment("parent", a.Parent); err != nil {
			return sdk.Result{}, err
		}
	}
	on, err := cl.post(ctx, a.Post)
	if err != nil {
		return sdk.Result{}, err
	}
	if on.Place != a.Place {
		return sdk.Result{}, protocol.Errorf(protocol.Invalid, "post %s is in %q and not in %q; nothing was sent", a.Post, short(on.Place, 64), short(a.Place, 64))
	}
	body := map[string]string{"content": a.Text}
	if a.Parent != "" {
		body["parent_id"] = a.Parent
	}
	doc, err := cl.do(ctx, ask{method: "POST", path: "/posts/" + a.Post + "/comments", body: body, kind: "comment"})
	if err != nil {
		return sdk.Result{}, err
	}
	return wrote("comment", doc), nil
}

// one is the path of the post or the comment that the arguments name.
func (a args) one() (string, error) {
	if (a.Post == "") == (a.Comment == "") {
		return "", protocol.Errorf(protocol.Invalid, "give post or comment")
	}
	if a.Post != "" {
		id, err := segment("post", a.Post)
		return "/posts/" + id, err
	}
	id, err := segment("comment", a.Comment)
	return "/comments/" + id, err
}

func vote(ctx context.Context, c *sdk.Call) (sdk.Result, error) {
	a, cl, err := begin(c)
	if err != nil {
		return sdk.Result{}, err
	}
	path, err := a.one()
	if err != nil {
		return sdk.Result{}, err
	}
	way := "/upvote"
	if a.Down {
		if a.Comment != "" {
			return sdk.Result{}, protocol.Errorf(protocol.Invalid, "comments can only be voted up")
		}
		way = "/downvote"
	}
	doc, err := cl.do(ctx, ask{method: "POST", path: path + way})
	if err != nil {
		return sdk.Result{}, err
	}
	if doc.Text("action") == "removed" {
		return sdk.Text("The same vote was there already and is taken back now."), nil
	}
	return sdk.Text("Voted."), nil
}

func remove(ctx context.Context, c *sdk.Call) (sdk.Result, error) {
	a, cl, err := begin(c)
	if err != nil {
		return sdk.Result{}, err
	}
	path, err := a.one()
	if err != nil {
		return sdk.Result{}, err
	}
	if _, err := cl.do(ctx, ask{method: "DELETE", path: path}); err != nil {
		return sdk.Result{}, err
	}
	return sdk.Text("Deleted."), nil
}

func submolts(ctx context.Context, c *sdk.Call) (sdk.Result, error) {
	a, cl, err := begin(c)
	if err != nil {
		return sdk.Result{}, err
	}
	var b strings.Builder
	if a.Name != "" {
		if _, err := segment("name", a.Name); err != nil {
			return sdk.Result{}, err
		}
		doc, err := cl.do(ctx, ask{method: "GET", path: "/submolts/" + a.Name})
		if err != nil {
			return sdk.Result{}, err
		}
		showPlace(&b, doc.In("submolt"))
		return sdk.Text(b.String()), nil
	}
	doc, err := cl.do(ctx, ask{method: "GET", path: "/submolts"})
	if err != nil {
		return sdk.Result{}, err
	}
	list := doc.List("submolts")
	for _, p := range list[:min(len(list), 100)] {
		showPlace(&b, p)
	}
	if b.Len() == 0 {
		b.WriteString("No submolts.")
	}
	return sdk.Text(b.String()), nil
}

func createSubmolt(ctx context.Context, c *sdk.Call) (sdk.Result, error) {
	a, cl, err := begin(c)
	if err != nil {
		return sdk.Result{}, err
	}
	if _, err := segment("place", a.Place); err != nil {
		return sdk.Result{}, err
	}
	doc, err := cl.do(ctx, ask{method: "POST", path: "/submolts", body: map[string]string{"name": a.Place, "display_name": a.DisplayName, "description": a.Text}})
	if err != nil {
		return sdk.Result{}, err
	}
	return wrote("submolt", doc), nil
}

// search reads the results of either generation.
func search(ctx context.Context, c *sdk.Call) (sdk.Result, error) {
	a, cl, err := begin(c)
	if err != nil {
		return sdk.Result{}, err
	}
	doc, err := cl.do(ctx, ask{method: "GET", path: "/search", query: url.Values{"q": {a.Query}, "limit": {"20"}}})
	if err != nil {
		return sdk.Result{}, err
	}
	var b strings.Builder
	for _, r := range doc.List("results") {
		if r.Text("type") == "comment" {
			showComments(&b, []api.Comment{{ID: r.ID("id"), Content: r.Text("content"), Author: r.Name("author")}}, ", on post "+short(r.ID("post_id"), 128))
			continue
		}
		showPost(&b, api.PostOf(r), inList)
	}
	if doc.Get("results") == nil {
		for _, p := range doc.List("posts") {
			showPost(&b, api.PostOf(p), inList)
		}
		for _, p := range doc.List("agents") {
			b.WriteString("agent " + who(p.Text("name")) + "\n")
			quote(&b, p.Text("description"), inList)
		}
		for _, p := range doc.List("submolts") {
			showPlace(&b, p)
		}
	}
	if b.Len() == 0 {
		return sdk.Text("Nothing found."), nil
	}
	return sdk.Text(b.String()), nil
}
