package plugins_test

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ambithost/ambit/plugins"
	"github.com/ambithost/ambit/sdk/model"
	"github.com/ambithost/ambit/sdk/plugintest"
	"github.com/ambithost/ambit/sdk/protocol"
)

// aimock is a fake of the providers by others (npm @copilotkit/aimock 1.43.0),
// where `make aimock` puts it.
const aimock = "../bin/tools/aimock-1.43.0/node_modules/.bin/llmock"

// TestAgainstAimock asks each adapter, in a cell as it will run, against a fake
// that was written by others, who read the same documentation: text and
// parallel tool calls, whole and streamed, a rate limit with its wait, and a
// stream that breaks off.
func TestAgainstAimock(t *testing.T) {
	if len(plugins.List()) == 0 {
		t.Skip(plugins.ErrNotBuilt)
	}
	if _, err := os.Stat(aimock); err != nil {
		t.Skip("the fake is not installed: make aimock (it needs node and npm)")
	}
	url := serveAimock(t)
	for name, a := range map[string]struct {
		plugin string
		config map[string]string
	}{
		"anthropic":        {"anthropic", map[string]string{"base_url": url}},
		"gemini":           {"gemini", map[string]string{"base_url": url}},
		"ollama":           {"ollama", map[string]string{"base_url": url}},
		"openai chat":      {"openai", map[string]string{"base_url": url + "/v1", "api": "chat"}},
		"openai responses": {"openai", map[string]string{"base_url": url + "/v1", "api": "responses"}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			spec, _ := specOf(t, dir, a.plugin)
			spec.Config = a.config
			driver := newDriver(t, dir)
			if _, err := driver.Inspect(t.Context(), spec); err != nil {
				t.Fatal(err)
			}
			c := inCell{start(t, driver, spec)}
			for _, stream := range []bool{false, true} {
				t.Run(fmt.Sprintf("stream %v", stream), func(t *testing.T) { scenes(t, c, stream) })
			}
		})
	}
}

func scenes(t *testing.T, c inCell, stream bool) {
	ask := func(text string, more ...model.Message) (resp model.Response, err error) {
		req := model.Request{Model: "fake", Stream: stream, Messages: append([]model.Message{{Role: model.System, Text: "You are main."}, {Role: model.User, Text: text}}, more...), Tools: []model.Tooldef{
			{Name: "weather__now", Description: "Weather.", Input: json.RawMessage(`{"type":"object","properties":{"city":{"type":"string"}}}`)},
		}}
		in, err := json.Marshal(req)
		if err != nil {
			t.Fatal(err)
		}
		out, err := c.Call(t.Context(), protocol.ExportComplete, in, (&plugintest.World{HTTP: carry(t, "k")}).Effect, func([]byte) {})
		if err == nil {
			err = json.Unmarshal(out, &resp)
		}
		return resp, err
	}
	if resp, err := ask("say hello"); err != nil || resp.Text != "Grüße, 你好, and hello to you as well." || resp.Stop != model.StopEnd {
		t.Errorf("text: %+v, %v", resp, err)
	}
	resp, err := ask("the weather")
	if err != nil || len(resp.Calls) != 2 || resp.Stop != model.StopTools || resp.Calls[0].Name != "weather__now" || resp.Calls[0].ID == resp.Calls[1].ID {
		t.Fatalf("calls: %+v, %v", resp, err)
	}
	for i, city := range []string{"Rome", "Oslo"} {
		var args map[string]string
		if json.Unmarshal(resp.Calls[i].Args, &args) != nil || args["city"] != city {
			t.Errorf("call %d has arguments %s", i, resp.Calls[i].Args)
		}
	}
	said := model.Message{Role: model.Assistant, Text: resp.Text, Calls: resp.Calls, Keep: resp.Keep}
	results := []model.Message{said}
	for _, call := range resp.Calls {
		results = append(results, model.Message{Role: model.Tool, Result: &model.ToolResult{ID: call.ID, Text: "sunny"}})
	}
	if resp, err := ask("the weather", append(results, model.Message{Role: model.User, Text: "say hello"})...); err != nil || resp.Text == "" {
		t.Errorf("after the results: %+v, %v", resp, err)
	}
	if _, err := ask("too fast"); protocol.CodeOf(err) != protocol.Unavailable || protocol.WaitOf(err) != 7*time.Second {
		t.Errorf("rate limit: %v, waits %v", err, protocol.WaitOf(err))
	}
	if _, err := ask("break off"); stream && protocol.CodeOf(err) != protocol.Unavailable {
		t.Errorf("a stream that breaks off: %v", err)
	}
}

// serveAimock starts the fake on a free port of the loopback.
func serveAimock(t *testing.T) (url string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	binary, err := filepath.Abs(aimock)
	if err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	cmd := exec.CommandContext(t.Context(), binary, "--host", "127.0.0.1", "-p", port, "-f", filepath.Join("testdata", "aimock.json"), "--strict", "--log-level", "warn")
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended
		_ = cmd.Wait()
		if t.Failed() {
			t.Log(log.String())
		}
	})
	url = "http://127.0.0.1:" + port
	for range 500 { // only a hang gets to the end
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/health", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		if resp, err := http.DefaultClient.Do(req); err == nil {
			_ = resp.Body.Close()
			return url
		}
		<-time.After(20 * time.Millisecond)
	}
	t.Fatalf("the fake does not answer: %s", log.String())
	return ""
}
