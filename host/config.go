package host

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/hashicorp/go-hclog"
	"go.yaml.in/yaml/v3"

	"github.com/ambithost/ambit/host/clock"
	"github.com/ambithost/ambit/sdk/manifest"
)

// Config is what a host is opened with.
type Config struct {
	Home    string       // AMBIT_HOME: all state; made when missing
	Version string       // of this binary, for people
	Logger  hclog.Logger // nil: silent
	// CellBinary is the executable that runs `cell`; empty: this one.
	CellBinary string
	// Clock is the time that agents, grants, approvals and the audit go by; nil:
	// the machine's.
	Clock clock.Clock
}

// File is ambit.yaml in the home. A missing file is the zero File; an unknown
// key is refused.
type File struct {
	// Zone is the owner's time zone (IANA); empty: the machine's.
	Zone string `yaml:"zone"`
	// ApprovalMinutes is how long an approval waits; 0: 10.
	ApprovalMinutes int `yaml:"approval_minutes"`
	// Queue says what becomes of a channel's message while a turn runs: "steer"
	// (or empty), "follow-up" or "interrupt".
	Queue string `yaml:"queue"`
	// Organisation, if set, adds a layer of policies that it signs.
	Organisation *OrganisationFile `yaml:"organisation"`
	// Revocations are feeds of plugins that must not run any more.
	Revocations []RevocationFile `yaml:"revocations"`
	// Prices tell what models cost; without them only tokens are counted.
	Prices *PricesFile `yaml:"prices"`
	// Webhook, if set, has the host listen for webhooks.
	Webhook *WebhookFile `yaml:"webhook"`
	// Agents by name; without any there is one called main.
	Agents map[string]AgentFile `yaml:"agents"`
}

// AgentFile configures one agent.
type AgentFile struct {
	// Model is "plugin" or "plugin/model"; empty: the installed model plugin,
	// when there is just one.
	Model string `yaml:"model"`
	// Fallback are the models that are asked, in order, when the one before
	// fails; written as Model is.
	Fallback []string `yaml:"fallback"`
	// Instructions are added to the system prompt.
	Instructions string `yaml:"instructions"`
	Steps        int    `yaml:"steps"`   // model calls in one turn; 0: the default
	Tokens       int    `yaml:"tokens"`  // of one turn, in and out; 0: the default
	Minutes      int    `yaml:"minutes"` // of one turn; 0: the default
	// Context is how many tokens, about, the model is given at most: a longer
	// conversation is summed up. At least 2,000; 0: 100,000.
	Context int `yaml:"context"`
	// Budget bounds what the agent uses, whatever starts its turns:
	// "2000000tokens/day", "50usd/month".
	Budget []string `yaml:"budget"`
	// Skills are those that the agent may use, by name; absent: all.
	Skills *[]string `yaml:"skills"`
	// SubAgents bounds what the agent sets to work for itself.
	SubAgents SubAgentsFile `yaml:"subagents"`
	// Heartbeat, if set, has the agent look after things by itself.
	Heartbeat *HeartbeatFile `yaml:"heartbeat"`
	// Memory says how the agent remembers.
	Memory MemoryFile `yaml:"memory"`
}

// leastContext has room for what the host and the tools say, and a few words.
const leastContext = 2000

// DefaultAgent is the agent of a home that configures none.
const DefaultAgent = "main"

const maxFile = 1 << 20

// CheckFile says what is wrong with the settings of a home, if anything is.
func CheckFile(home string) error {
	_, err := readFile(home)
	return err
}

// readFile reads ambit.yaml and checks it.
func readFile(home string) (File, error) {
	f := File{}
	path := filepath.Join(home, "ambit.yaml")
	b, err := os.ReadFile(path) //nolint:gosec // the owner's own home
	if errors.Is(err, os.ErrNotExist) {
		b, err = nil, nil
	}
	if err != nil {
		return f, err
	}
	if len(b) > maxFile {
		return f, fmt.Errorf("%s has %d bytes, the limit is %d", path, len(b), maxFile)
	}
	dec := yaml.NewDecoder(bytes.NewReader(b))
	dec.KnownFields(true)
	if err := dec.Decode(&f); err != nil && !errors.Is(err, io.EOF) {
		return f, fmt.Errorf("%s: %w", path, err)
	}
	if len(f.Agents) == 0 {
		f.Agents = map[string]AgentFile{DefaultAgent: {}}
	}
	for name, a := range f.Agents {
		if err := manifest.CheckName(name); err != nil {
			return f, fmt.Errorf("%s: agent %q: want a lower-case letter, then letters, digits or dashes", path, name)
		}
		if a.Steps < 0 || a.Tokens < 0 || a.Minutes < 0 {
			return f, fmt.Errorf("%s: agent %q: limits can't be negative", path, name)
		}
		if err := errors.Join(a.check(), a.checkModels(), a.SubAgents.check(), a.Memory.check()); err != nil {
			return f, fmt.Errorf("%s: agent %q: %w", path, name, err)
		}
	}
	if _, err := f.location(); err != nil {
		return f, fmt.Errorf("%s: zone: %w", path, err)
	}
	if err := f.Organisation.check(); err != nil {
		return f, fmt.Errorf("%s: %w", path, err)
	}
	if err := f.Webhook.check(f.Agents); err != nil {
		return f, fmt.Errorf("%s: webhook: %w", path, err)
	}
	for i := range f.Revocations {
		if err := f.Revocations[i].check(); err != nil {
			return f, fmt.Errorf("%s: revocations %d: %w", path, i+1, err)
		}
	}
	switch f.Queue {
	case "steer":
		f.Queue = ""
	case "", "follow-up", "interrupt":
	default:
		return f, fmt.Errorf("%s: queue: %q: want steer, follow-up or interrupt", path, f.Queue)
	}
	if err := f.Prices.check(); err != nil {
		return f, fmt.Errorf("%s: prices: %w", path, err)
	}
	if f.ApprovalMinutes < 0 {
		return f, fmt.Errorf("%s: approval_minutes can't be negative", path)
	}
	return f, nil
}

func (f File) location() (*time.Location, error) {
	if f.Zone == "" {
		return time.Local, nil
	}
	return time.LoadLocation(f.Zone)
}
