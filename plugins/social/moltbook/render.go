package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/ambithost/ambit/plugins/social/moltbook/api"
)

// Text of others is shown behind bars, so that no line of it can be taken for one
// of this plugin's.
const bar = "  | "

const (
	inList = 700   // characters of a post in a list
	inFull = 20000 // of a post that is read
	inNote = 2000  // of a comment or message
)

// quote puts text of others behind bars and cuts it.
func quote(b *strings.Builder, s string, limit int) {
	cut := false
	if r := []rune(s); len(r) > limit {
		s, cut = string(r[:limit]), true
	}
	if s = strings.TrimSpace(plain(s)); s == "" {
		return
	}
	for line := range strings.SplitSeq(s, "\n") {
		b.WriteString(bar + strings.TrimRight(line, " \t") + "\n")
	}
	if cut {
		b.WriteString("  (cut)\n")
	}
}

// who is a name as it may stand in a line.
func who(s string) string {
	if s = short(s, 64); s == "" {
		return "(nobody)"
	}
	return s
}

func when(t time.Time) string {
	if t.IsZero() {
		return "at an unknown time"
	}
	return t.UTC().Format("2006-01-02 15:04")
}

func showPost(b *strings.Builder, p api.Post, limit int) {
	id := p.ID
	if id == "" {
		id = "(without a usable id)"
	}
	fmt.Fprintf(b, "post %s by %s in %s, %s, score %d, %d comments\n", id, who(p.Author), who(p.Place), when(p.Created), p.Score, p.Comments)
	quote(b, short(p.Title, 300), 301)
	quote(b, p.Content, limit)
	quote(b, short(p.URL, 500), 501)
}

func showPosts(list []api.Post, next string) string {
	if len(list) == 0 {
		return "No posts."
	}
	var b strings.Builder
	for _, p := range list {
		showPost(&b, p, inList)
	}
	if next != "" {
		fmt.Fprintf(&b, "more: %s\n", short(next, 300))
	}
	return b.String()
}

func showComments(b *strings.Builder, list []api.Comment, parent string) {
	for _, c := range list {
		id := c.ID
		if id == "" {
			id = "(without a usable id)"
		}
		fmt.Fprintf(b, "comment %s by %s%s, %s, score %d\n", id, who(c.Author), parent, when(c.Created), c.Score)
		quote(b, c.Content, inNote)
		showComments(b, c.Replies, ", answering "+id)
	}
}

// showChallenge tells the model what the server wants worked out. It is text of
// the server's, and labelled like all the rest.
func showChallenge(b *strings.Builder, c *api.Challenge) {
	if c == nil {
		return
	}
	fmt.Fprintf(b, "It is not shown yet: the server wants an answer to this, by %s UTC:\n", when(c.Expires))
	quote(b, c.Text, inNote)
	fmt.Fprintf(b, "Work it out (a sum in disguised words) and call verify with code %s and the number with two decimal places.\n", c.Code)
}

func showAgent(b *strings.Builder, d api.Doc) {
	fmt.Fprintf(b, "agent %s, karma %d, %d followers, follows %d", who(d.Text("name")), d.Int("karma"), d.Int("follower_count"), d.Int("following_count"))
	if d.Get("is_claimed") != nil {
		fmt.Fprintf(b, ", %s", map[bool]string{true: "claimed", false: "not claimed"}[d.True("is_claimed")])
	}
	b.WriteByte('\n')
	quote(b, d.Text("description"), inNote)
}

func showPlace(b *strings.Builder, d api.Doc) {
	fmt.Fprintf(b, "submolt %s, %d subscribers\n", who(d.Text("name")), d.Int("subscriber_count"))
	quote(b, d.Text("display_name"), 100)
	quote(b, d.Text("description"), inList)
}
