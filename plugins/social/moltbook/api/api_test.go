package api

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func TestBothGenerations(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		`{"success":true,"data":[{"id":"p1","title":"T","content":"C","url":null,"submolt":"general","score":-2,"comment_count":"3","created_at":"2026-01-30T10:00:00.123Z","author_name":"ada"}],"pagination":{"count":1,"limit":1,"offset":4,"hasMore":true}}`,
		`{"success":true,"posts":[{"id":"p1","title":"T","content":"C","submolt":{"name":"general","display_name":"G"},"upvotes":1,"downvotes":3,"comment_count":3,"created_at":"2026-01-30T10:00:00.123Z","author":{"name":"ada"}}],"has_more":true}`,
		`{"success":true,"data":{"posts":[{"id":"p1","title":"T","content":"C","submolt":{"name":"general"},"score":-2,"comment_count":3,"created_at":"2026-01-30T10:00:00.123Z","author":{"name":"ada"}}],"has_more":true}}`,
	} {
		d, err := Parse([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		list, next := Posts(d, 4)
		want := Post{ID: "p1", Title: "T", Content: "C", Author: "ada", Place: "general", Score: -2, Comments: 3, Created: time.Date(2026, 1, 30, 10, 0, 0, 123e6, time.UTC)}
		if len(list) != 1 || list[0] != want || next != "5" {
			t.Errorf("%s: %+v, next %q", text, list, next)
		}
	}
}

func TestChallenge(t *testing.T) {
	t.Parallel()
	d, err := Parse([]byte(`{"post":{"id":"p","verification":{"verification_code":"moltbook_verify_a","challenge_text":"oNe^ pLuS","expires_at":"2026-01-30T10:05:00Z"}}}`))
	if err != nil {
		t.Fatal(err)
	}
	if c := PostOf(d.In("post")).Challenge; c == nil || c.Code != "moltbook_verify_a" || c.Text != "oNe^ pLuS" || c.Expires.IsZero() {
		t.Errorf("%+v", c)
	}
}

// FuzzAnswer: whatever a server says is read without a panic, within bounds, and
// what goes back into a path is fit for one.
func FuzzAnswer(f *testing.F) {
	f.Add([]byte(`{"success":true,"data":[{"id":"p1","title":"T","submolt":"general","score":1e99}],"pagination":{"hasMore":true}}`))
	f.Add([]byte(`{"posts":[{"id":"a/../b","author":{"name":["x"]}}],"next_cursor":7,"comments":[{"replies":[{"replies":[]}]}],"verification":{"verification_code":"x y"}}`))
	f.Add([]byte(`{"retryAfter":1e300,"retry_after_minutes":-1,"data":{"data":{"data":null}}}`))
	f.Add([]byte(`{"comments":` + strings.Repeat(`[{"replies":`, 40) + `[]` + strings.Repeat(`}]`, 40) + `}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := Parse(b)
		if err != nil {
			return
		}
		list, next := Posts(d, 0)
		for _, p := range list {
			if p.ID != "" && !IsID(p.ID) || !utf8.ValidString(p.Title+p.Content+p.Author+p.Place+p.URL) {
				t.Errorf("%+v", p)
			}
		}
		if len(next) > 300 {
			t.Errorf("next has %d bytes", len(next))
		}
		var count func([]Comment, int) int
		count = func(list []Comment, depth int) (n int) {
			for _, c := range list {
				n += 1 + count(c.Replies, depth+1)
			}
			if depth > maxThread+1 {
				t.Errorf("comments nest %d deep", depth)
			}
			return n
		}
		if n := count(Comments(d), 0); n > maxComments {
			t.Errorf("%d comments", n)
		}
		if w := Wait(d); w < 0 {
			t.Errorf("wait %s", w)
		}
		if c := ChallengeOf(d); c != nil && !IsID(c.Code) {
			t.Errorf("%+v", c)
		}
	})
}
