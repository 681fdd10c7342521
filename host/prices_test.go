package host

import (
	"math"
	"testing"

	"github.com/ambithost/ambit/sdk/model"
)

func TestCost(t *testing.T) {
	t.Parallel()
	tenth := int64(300_000)
	with, without := PriceFile{Input: 3_000_000, Output: 15_000_000, Cached: &tenth}, PriceFile{Input: 1, Output: 0}
	for name, c := range map[string]struct {
		price PriceFile
		usage model.Usage
		want  int64
	}{
		"in and out":                {with, model.Usage{Input: 9, Output: 3}, 72},
		"cached":                    {with, model.Usage{Input: 1000, Output: 0, Cached: 900}, 570},
		"more cached than sent":     {with, model.Usage{Input: 10, Cached: 1000}, 3},
		"rounded up":                {without, model.Usage{Input: 1}, 1},
		"cached without its price":  {without, model.Usage{Input: 2_000_000, Cached: 1_000_000}, 2},
		"nothing":                   {with, model.Usage{}, 0},
		"a count that nobody means": {PriceFile{Input: maxPrice, Output: maxPrice}, model.Usage{Input: math.MaxInt, Output: math.MaxInt}, 1e15},
	} {
		if got := c.price.cost(c.usage); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}

func TestModelsOfFile(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		agent AgentFile
		good  bool
	}{
		"none":             {AgentFile{}, true},
		"two":              {AgentFile{Model: "a/x", Fallback: []string{"a/y", "b"}}, true},
		"of nothing":       {AgentFile{Fallback: []string{"b"}}, false},
		"itself":           {AgentFile{Model: "a", Fallback: []string{"a"}}, false},
		"twice":            {AgentFile{Model: "a", Fallback: []string{"b", "b"}}, false},
		"no plugin's name": {AgentFile{Model: "a", Fallback: []string{"../b"}}, false},
	} {
		if err := c.agent.checkModels(); (err == nil) != c.good {
			t.Errorf("%s: %v", name, err)
		}
	}
	minus := int64(-1)
	for name, p := range map[string]*PricesFile{
		"currency": {Currency: "coins"}, "negative": {Currency: "usd", Models: map[string]PriceFile{"a": {Cached: &minus}}},
		"huge": {Currency: "usd", Models: map[string]PriceFile{"a": {Input: maxPrice + 1}}}, "name": {Currency: "usd", Models: map[string]PriceFile{"A B": {}}},
	} {
		if p.check() == nil {
			t.Errorf("%s: taken", name)
		}
	}
	if (*PricesFile)(nil).check() != nil {
		t.Error("no prices are refused")
	}
}
