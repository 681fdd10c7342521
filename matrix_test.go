package main_test

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ambithost/ambit/host/control"
	"github.com/ambithost/ambit/plugins"
	"github.com/ambithost/ambit/plugins/channels/matrix/matrixtest"
)

// TestOwnerOverMatrix is a whole host that talks with its owner over a real
// home server: pairing, a note, a question that a reaction answers.
func TestOwnerOverMatrix(t *testing.T) {
	t.Parallel()
	if len(plugins.List()) == 0 {
		t.Skip("the first-party plugins are not built: make plugins")
	}
	s := matrixtest.Start(t)
	bot, owner := s.Person(t, "bot"), s.Person(t, "ann")
	host := startHost(t, filepath.Join(t.TempDir(), "home"))
	for _, name := range []string{"rehearsal", "playbank", "notes"} {
		installAll(t, host.client, name)
	}
	if err := host.client.SetSecret(t.Context(), "MATRIX_TOKEN", []byte(bot.Token)); err != nil {
		t.Fatal(err)
	}
	install(t, host.client, control.PreviewRequest{Name: "matrix", Config: map[string]string{"base_url": s.URL}})
	room := owner.Room(true, bot)
	owner.Say(room, matrixtest.Text("hello"))
	// got waits for a message of the bot that holds all of the words.
	got := func(words ...string) (id, text string) {
		t.Helper()
		for range 600 { // only a hang gets to the end
			for _, e := range owner.Messages(room) {
				var c struct{ Body string }
				fits := e.Sender == bot.ID && e.Type == "m.room.message" && json.Unmarshal(e.Content, &c) == nil
				for _, w := range words {
					fits = fits && strings.Contains(c.Body, w)
				}
				if fits {
					return e.ID, c.Body
				}
			}
			time.Sleep(50 * time.Millisecond)
		}
		list, err := host.client.Channels(t.Context())
		t.Fatalf("no message with %q came; the channels: %+v, %v", words, list, err)
		return "", ""
	}
	_, letter := got("the code is ")
	_, rest, _ := strings.Cut(letter, "the code is ")
	code, _, _ := strings.Cut(rest, ",")
	if _, err := host.client.Pair(t.Context(), control.PairRequest{Code: code, Role: "owner"}); err != nil {
		t.Fatal(err)
	}
	owner.Say(room, matrixtest.Text("note buy milk"))
	got("Added to note")
	owner.Say(room, matrixtest.Text(fmt.Sprintf(buy, 900, "Book Depot")))
	question, _ := got("Question 1", "Book Depot")
	owner.React(room, question, "✅")
	got("Charged 9.00 USD")
	got("Question 1", "Approved.")
}
