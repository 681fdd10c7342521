package host

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ambithost/ambit/host/agent"
	"github.com/ambithost/ambit/host/budget"
	"github.com/ambithost/ambit/sdk/protocol"
)

func TestMemorySettings(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		settings string
		want     agent.Lookback
		problem  string
	}{
		{"", agent.Lookback{}, ""},
		{"memory: {}", agent.Lookback{}, ""},
		{"memory: {consolidate: {}}", agent.Lookback{Idle: 2 * time.Hour, AtMost: 24 * time.Hour}, ""},
		{"memory: {consolidate: {idle: 30m, at_most: 7d}}", agent.Lookback{Idle: 30 * time.Minute, AtMost: 7 * 24 * time.Hour}, ""},
		{"memory: {consolidate: {idle: soon}}", agent.Lookback{}, "memory: consolidate: idle"},
		{"memory: {consolidate: {at_most: 1s}}", agent.Lookback{}, "memory: consolidate: at_most"},
		{"memory: {consolidate: {every: 1h}}", agent.Lookback{}, "field every not found"},
		{"memory: {folder: /}", agent.Lookback{}, "field folder not found"},
	} {
		home := t.TempDir()
		if err := os.WriteFile(filepath.Join(home, "ambit.yaml"), []byte("agents:\n  main: {"+c.settings+"}\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := readFile(home)
		if (c.problem == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), c.problem) {
			t.Errorf("%s: %v, want %q", c.settings, err, c.problem)
		}
		if err != nil {
			continue
		}
		got := f.Agents["main"].Memory.lookback()
		if (got == nil) != (c.want == agent.Lookback{}) || got != nil && *got != c.want {
			t.Errorf("%s: %+v, want %+v", c.settings, got, c.want)
		}
	}
}

// TestLookbackIsBounded: what an agent does by itself shares one budget, and
// without a plugin that keeps notes nothing is done.
func TestLookbackIsBounded(t *testing.T) {
	t.Parallel()
	for settings, want := range map[string]int64{
		"memory: {consolidate: {}}": 200_000,
		"memory: {consolidate: {}}, heartbeat: {every: 1h, budget: [50000tokens/day]}": 50_000,
	} {
		h := openHome(t, "agents:\n  main: {"+settings+"}\n")
		list := h.allowances.of("main", agent.KindLookback)
		if len(list) != 1 || list[0].budget.Unit != budget.Tokens || list[0].budget.Limit != want {
			t.Errorf("%s: looking back has the budgets %+v", settings, list)
		}
		if of := h.allowances.of("main", agent.KindMessage); len(of) != 0 {
			t.Errorf("%s: a message has the budgets %+v", settings, of)
		}
		err := memories{h}.Ready(t.Context(), "main")
		if protocol.CodeOf(err) != protocol.Unavailable || !strings.Contains(err.Error(), "ambit plugin install memory") {
			t.Errorf("without a plugin: %v", err)
		}
	}
}
