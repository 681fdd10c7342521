package host

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestWebhookSettings: what is not meant is refused, with where it stands.
func TestWebhookSettings(t *testing.T) {
	t.Parallel()
	const trigger = "webhook:\n  listen: 127.0.0.1:1\n  triggers:\n    build:\n      secret: KEY\n      instructions: look\n"
	for text, want := range map[string]string{
		"":                                  "",
		trigger:                             "",
		"webhook: {listen: 127.0.0.1:8788}": "",
		"webhook: {listen: \"[::1]:8788\"}": "",
		"webhook: {listen: 0.0.0.0:8788, beyond_loopback: true}": "",
		trigger + "      session: builds\n      agent: main\n":   "",
		"webhook: {}":                                                              "listen",
		"webhook: {listen: 0.0.0.0:8788}":                                          "beyond_loopback",
		"webhook: {listen: 127.0.0.1:8788, path: /x}":                              "path",
		trigger + "      prompt: x\n":                                              "prompt",
		trigger + "      agent: other\n":                                           "there is no",
		trigger + "      session: a b\n":                                           "session",
		trigger + "agents: {a: {}, b: {}}":                                         "which one",
		strings.Replace(trigger, "KEY", "key", 1):                                  "capital letter",
		strings.Replace(trigger, "build", "../build", 1):                           "lower-case letter",
		strings.Replace(trigger, "look", "\"  \"", 1):                              "say what is to be done",
		strings.Replace(trigger, "look", strings.Repeat("x", maxInstruction+1), 1): "say what is to be done",
	} {
		home := t.TempDir()
		if err := os.WriteFile(filepath.Join(home, "ambit.yaml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		err := CheckFile(home)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%.100s: %v, want %q", text, err, want)
		}
	}
}
