package cli

import (
	"testing"

	"github.com/ambithost/ambit/host/control"
	"github.com/ambithost/ambit/sdk/capability"
)

// TestYesIsNotForAll: --yes alone accepts nothing that can't be undone.
func TestYesIsNotForAll(t *testing.T) {
	t.Parallel()
	change := func(what, name string, r capability.Risk) control.Change {
		return control.Change{What: what, Name: name, More: true, Risk: r}
	}
	for name, c := range map[string]struct {
		change control.Change
		grants []string
		want   bool
	}{
		"a read":                          {change("capability", "file.read", capability.Read), nil, true},
		"a payment":                       {change("capability", "payment.send", capability.Irreversible), nil, false},
		"a payment that was named":        {change("capability", "payment.send", capability.Irreversible), []string{"payment.send"}, true},
		"a payment where mail was named":  {change("capability", "payment.send", capability.Irreversible), []string{"mail.send"}, false},
		"a power over Ambit":              {change("capability", "host.kill", capability.Control), nil, false},
		"a tool that can't be undone":     {change("tool", "purge", capability.Irreversible), []string{"purge"}, false},
		"a tool that hides its risk":      {change("risk", "purge", capability.Irreversible), []string{"tool.call"}, false},
		"what is no more, whatever it is": {control.Change{What: "tool", Name: "purge", Risk: capability.Irreversible}, nil, true},
	} {
		if got := acceptable([]control.Change{change("tool", "x", capability.Read), c.change}, c.grants); got != c.want {
			t.Errorf("%s: accepted %v", name, got)
		}
	}
}
