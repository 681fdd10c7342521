package main_test

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"github.com/ambithost/ambit/host/demo"
	"github.com/ambithost/ambit/plugins"
)

// TestDay plays a night and a day of two agents on a network of their own, by a
// clock that the story sets; it checks itself.
func TestDay(t *testing.T) { // alone: the story waits for its acts only so long
	if len(plugins.List()) == 0 {
		t.Skip("the first-party plugins are not built: make plugins")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Minute)
	defer cancel()
	var out bytes.Buffer
	if err := demo.Day(ctx, &out, demo.Options{Version: "test"}); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	for _, want := range []string{"Thank you, ada", "did not answer in time", "her heartbeats are held", "Say it so that I can read it", "keeps quiet", "entries verified"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q was not told:\n%s", want, out.String())
		}
	}
	t.Log(out.String())
}
