package host

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/ambithost/ambit/host/agent"
	"github.com/ambithost/ambit/host/budget"
	"github.com/ambithost/ambit/sdk/manifest"
	"github.com/ambithost/ambit/sdk/model"
)

// PricesFile is "prices" in ambit.yaml. Ambit brings no prices: they change,
// and a wrong one would be worse than none.
type PricesFile struct {
	Currency string               `yaml:"currency"` // ISO 4217 in lower case
	Models   map[string]PriceFile `yaml:"models"`   // "plugin/model", or "plugin" for all its others
}

// PriceFile is the price of a million tokens, in millionths of the currency:
// 3 USD are 3000000.
type PriceFile struct {
	Input  int64  `yaml:"input"`
	Output int64  `yaml:"output"`
	Cached *int64 `yaml:"cached"` // of input that the provider had seen; left out: as other input
}

// maxPrice keeps sums far from overflow: a million of the currency for a
// million tokens.
const maxPrice = 1_000_000_000_000

func (p *PricesFile) check() error {
	if p == nil {
		return nil
	}
	if !budget.Unit(p.Currency).Money() {
		return fmt.Errorf("currency %q: want a currency in lower case, such as usd", p.Currency)
	}
	for name, m := range p.Models {
		if plugin, _, _ := strings.Cut(name, "/"); manifest.CheckName(plugin) != nil {
			return fmt.Errorf("model %q: want plugin/model, or a plugin", name)
		}
		for _, v := range []int64{m.Input, m.Output, m.cached()} {
			if v < 0 || v > maxPrice {
				return fmt.Errorf("model %q: %d: want millionths of %s for a million tokens, from 0 to %d", name, v, p.Currency, int64(maxPrice))
			}
		}
	}
	return nil
}

func (m PriceFile) cached() int64 {
	if m.Cached == nil {
		return m.Input
	}
	return *m.Cached
}

// cost is in millionths of the currency, rounded up.
func (m PriceFile) cost(u model.Usage) int64 {
	const million = 1_000_000
	cached := min(u.Cached, u.Input)
	sum := 0.0 // exact below 2^53, and what is larger is no bill but an attack
	for _, part := range [][2]int64{{int64(u.Input - cached), m.Input}, {int64(cached), m.cached()}, {int64(u.Output), m.Output}} {
		sum += float64(part[0]) * float64(part[1])
	}
	return int64(math.Ceil(min(sum/million, 1e15)))
}

// checkModels checks model and fallback of an agent.
func (a AgentFile) checkModels() error {
	if len(a.Fallback) > 0 && a.Model == "" {
		return fmt.Errorf("fallback: say first which model it stands in for, as model")
	}
	if len(a.Fallback) > 8 {
		return fmt.Errorf("fallback: %d models, the limit is 8", len(a.Fallback))
	}
	for i, name := range a.Fallback {
		if plugin, _, _ := strings.Cut(name, "/"); manifest.CheckName(plugin) != nil {
			return fmt.Errorf("fallback %q: want plugin, or plugin/model", name)
		}
		if name == a.Model || slices.Contains(a.Fallback[:i], name) {
			return fmt.Errorf("fallback %q is there twice", name)
		}
	}
	return nil
}

// priceOf finds the price of a plugin's model; an empty name is the one that
// the plugin is configured with.
func (h *Host) priceOf(plugin, name string) (PriceFile, bool) {
	if h.file.Prices == nil {
		return PriceFile{}, false
	}
	if name == "" {
		if p, ok := h.plugins.lookup(plugin); ok {
			name = p.setting.Config["model"]
		}
	}
	if m, ok := h.file.Prices.Models[plugin+"/"+name]; ok {
		return m, true
	}
	m, ok := h.file.Prices.Models[plugin]
	return m, ok
}

// price is what an answer cost an agent.
func (h *Host) price(r agent.Route, u model.Usage) (int64, bool) {
	m, ok := h.priceOf(r.Plugin, r.Model)
	if !ok {
		return 0, false
	}
	return m.cost(u), true
}

// modelCost tells the gate what an answer costs, for budgets of money.
func (h *Host) modelCost(plugin, name string, u model.Usage) (micros int64, currency string, ok bool) {
	m, ok := h.priceOf(plugin, name)
	if !ok {
		return 0, "", false
	}
	return m.cost(u), h.file.Prices.Currency, true
}

func (h *Host) currency() string {
	if h.file.Prices == nil {
		return ""
	}
	return h.file.Prices.Currency
}
