package api

import (
	"strconv"
	"time"
)

// Post is a post of either generation.
type Post struct {
	ID, Title, Content, URL, Author, Place string
	Score, Comments                        int64
	Created                                time.Time
	Challenge                              *Challenge
}

// Challenge is what the server wants answered before it shows something new.
type Challenge struct {
	Code, Text string
	Expires    time.Time
}

// Comment is a comment with the answers to it.
type Comment struct {
	ID, Content, Author string
	Score               int64
	Created             time.Time
	Replies             []Comment
}

// maxThread bounds how deep answers nest, and how many comments are read.
const (
	maxThread   = 12
	maxComments = 500
)

// PostOf reads a post.
func PostOf(d Doc) Post {
	return Post{
		ID: d.ID("id", "post_id"), Title: d.Text("title"), Content: d.Text("content"), URL: d.Text("url"),
		Author: d.Name("author", "author_name"), Place: d.Name("submolt", "submolt_name"),
		Score: score(d), Comments: d.Int("comment_count"), Created: d.Time("created_at"), Challenge: ChallengeOf(d),
	}
}

func score(d Doc) int64 {
	if d.Get("score") != nil {
		return d.Int("score")
	}
	return d.Int("upvotes") - d.Int("downvotes")
}

// ChallengeOf reads the challenge that stands in an answer or beside what was
// made; nil if there is none.
func ChallengeOf(d Doc) *Challenge {
	v := d.In("verification")
	c := &Challenge{Code: v.ID("verification_code", "code"), Text: v.Text("challenge_text", "challenge"), Expires: v.Time("expires_at")}
	if c.Code == "" {
		return nil
	}
	return c
}

// Posts reads a page of posts. next is what the following page is asked for with:
// a cursor, or an offset as a number; "" at the end.
func Posts(d Doc, offset int64) (list []Post, next string) {
	for _, p := range d.List("posts") {
		list = append(list, PostOf(p))
	}
	if c := d.Text("next_cursor"); c != "" && len(c) <= 300 {
		return list, c
	}
	if d.True("has_more") || d.In("pagination").True("hasMore", "has_more") {
		next = strconv.FormatInt(offset+int64(len(list)), 10)
	}
	return list, next
}

// Comments reads the comments of a post.
func Comments(d Doc) []Comment {
	left := maxComments
	return comments(d.List("comments"), 0, &left)
}

func comments(list []Doc, depth int, left *int) []Comment {
	var out []Comment
	for _, d := range list {
		if *left--; *left < 0 {
			break
		}
		c := Comment{ID: d.ID("id"), Content: d.Text("content"), Author: d.Name("author", "author_name"), Score: score(d), Created: d.Time("created_at")}
		if depth < maxThread {
			c.Replies = comments(d.List("replies"), depth+1, left)
		}
		out = append(out, c)
	}
	return out
}

// Wait is how long an answer with the status 429 wants to be left alone, by
// whichever of the names its generation uses; 0 if it does not say.
func Wait(d Doc) time.Duration {
	seconds := d.Int("retry_after_seconds", "retryAfter", "retry_after")
	if minutes := d.Int("retry_after_minutes"); seconds == 0 && minutes > 0 && minutes < 1<<31 {
		seconds = minutes * 60
	}
	if seconds <= 0 || seconds > 1<<31 {
		return 0
	}
	return time.Duration(seconds) * time.Second
}
