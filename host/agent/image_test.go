package agent_test

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/ambithost/ambit/host/agent"
	"github.com/ambithost/ambit/sdk/model"
	"github.com/ambithost/ambit/sdk/protocol"
)

func photo(n, size int) model.Image {
	data := append([]byte("\x89PNG\r\n\x1a\n"), []byte(fmt.Sprint(n))...)
	return model.Image{MIME: "image/png", Data: append(data, bytes.Repeat([]byte("x"), size)...)}
}

func (f *fixture) show(text string, images ...model.Image) agent.Event {
	f.t.Helper()
	id, err := f.Submit(f.t.Context(), agent.Message{Session: "s", Text: text, Images: images})
	if err != nil {
		f.t.Fatal(err)
	}
	seen := f.until(func(e agent.Event) bool { return e.Type == agent.EventTurnFinished && e.Turn == string(id) })
	return seen[len(seen)-1]
}

// TestImages: an image reaches the model with the words it came with, also in
// later turns; the history holds a reference and not the bytes.
func TestImages(t *testing.T) {
	t.Parallel()
	m := replies(say("A cat."))
	f := start(t, m, &toolbox{})
	f.show("what is this?", photo(1, 1000))
	f.ask("are you sure?")
	for i, req := range m.requests() {
		var seen []model.Image
		for _, msg := range req.Messages {
			if len(msg.Images) > 0 && (msg.Text != "what is this?" || msg.Role != model.User) {
				t.Errorf("the image is with %q", msg.Text)
			}
			seen = append(seen, msg.Images...)
		}
		if len(seen) != 1 || !bytes.Equal(seen[0].Data, photo(1, 1000).Data) || seen[0].MIME != "image/png" {
			t.Errorf("request %d shows %d images", i, len(seen))
		}
	}
	for _, e := range f.history() {
		if len(e.Message.Images) > 0 {
			t.Error("the history holds an image's bytes")
		}
	}
	// Only the newest fit into a request, and only so many are kept at all.
	for i := range agent.KeptImages {
		f.show("", photo(100+i, 1<<20))
	}
	last := m.requests()[len(m.requests())-1]
	size, gone := 0, 0
	for _, msg := range last.Messages {
		for _, image := range msg.Images {
			size += len(image.Data)
		}
		gone += strings.Count(msg.Text, "image is left out")
	}
	if size == 0 || size > model.MaxImageBytes || gone == 0 {
		t.Errorf("the last request shows %d bytes of images, and says of %d that they are left out", size, gone)
	}
	h := f.history()
	if _, found, err := f.store.Image(t.Context(), "s", h[1].Images[0].Digest); found || err != nil {
		t.Errorf("the oldest image is still kept: %v", err)
	}
}

func TestImagesAreBounded(t *testing.T) {
	t.Parallel()
	f := start(t, replies(say("ok")), &toolbox{})
	many := make([]model.Image, model.MaxImages+1)
	for i := range many {
		many[i] = photo(i, 1)
	}
	for name, images := range map[string][]model.Image{
		"too many": many, "no image": {{MIME: "image/png", Data: []byte("<svg>")}},
		"too large": {photo(1, model.MaxImage)}, "too large together": {photo(1, 4<<20), photo(2, 4<<20)},
	} {
		if _, err := f.Submit(t.Context(), agent.Message{Session: "s", Text: "look", Images: images}); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	if len(f.history()) != 0 {
		t.Error("a refused message left something behind")
	}
}

// TestNoVision: a model that can't read images is told that there are some, and
// the session goes on; one that can is asked first.
func TestNoVision(t *testing.T) {
	t.Parallel()
	blind := func(req model.Request) (model.Response, error) {
		for _, msg := range req.Messages {
			if len(msg.Images) > 0 {
				return model.Response{}, model.NoVision("it")
			}
		}
		return say("I see nothing."), nil
	}
	m := three(nil)
	m.reply["first"], m.reply["third"] = blind, blind
	f := start(t, m, &toolbox{}, routed)
	if end := f.show("look", photo(1, 10)); end.Reason != agent.Done || m.whom() != "first/a second/b" {
		t.Errorf("asked %s, ended %s %q", m.whom(), end.Reason, end.Text)
	}
	alone := &script{reply: func(_ context.Context, _ int, req model.Request, _ func(model.Delta)) (model.Response, error) {
		return blind(req)
	}}
	g := start(t, alone, &toolbox{})
	for range 2 {
		if end := g.show("look", photo(1, 10)); end.Reason != agent.Done {
			t.Errorf("ended %s %q", end.Reason, end.Text)
		}
	}
	asked := alone.requests()
	text := ""
	for _, msg := range asked[len(asked)-1].Messages {
		text += msg.Text + "\n"
	}
	if strings.Count(text, "[an image is left out here]") != 2 || !strings.Contains(notices(g.history()), "can't read images") {
		t.Errorf("it was told %q", text)
	}
	if protocol.CodeOf(model.NoVision("x")) != protocol.Invalid {
		t.Error("the code is another")
	}
}
