package effects

import (
	"strings"
	"sync"

	"github.com/ambithost/ambit/host/budget"
	"github.com/ambithost/ambit/host/gate"
	"github.com/ambithost/ambit/sdk/capability"
	"github.com/ambithost/ambit/sdk/model"
)

// purse turns what answers cost into whole minor units. One answer often costs
// less than a cent: what is left over is carried to the next, so that the sum
// is right to within one of them.
type purse struct {
	mu   sync.Mutex
	left map[string]int64 // plugin and currency → millionths not yet booked
}

// pay adds micros to an account and takes the whole minor units out of it.
func (p *purse) pay(account string, micros, each int64) (minor int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.left == nil {
		p.left = map[string]int64{}
	}
	sum := p.left[account] + micros
	p.left[account] = sum % each
	return sum / each
}

// How an answer is guessed before it is known, as budgets of tokens do it.
const (
	bytesPerToken = 3
	longAnswer    = 8192
)

// priced adds to a model call's attributes what it is expected to cost, rounded
// up. Without a price there is no amount, and a budget of money refuses it.
func (e *Effects) priced(attrs capability.Attributes, plugin string, req model.Request, bytes int) {
	if e.cfg.Cost == nil {
		return
	}
	guess := model.Usage{Input: bytes / bytesPerToken, Output: req.MaxTokens}
	if guess.Output <= 0 {
		guess.Output = longAnswer
	}
	micros, currency, ok := e.cfg.Cost(plugin, req.Model, guess)
	if !ok {
		return
	}
	each := budget.Unit(currency).Millionths()
	attrs["amount"], attrs["currency"] = (micros+each-1)/each, strings.ToUpper(currency)
}

// paid books what an answer really cost.
func (e *Effects) paid(f *gate.Flight, plugin, name string, u model.Usage) {
	if e.cfg.Cost == nil {
		return
	}
	micros, currency, ok := e.cfg.Cost(plugin, name, u)
	if !ok {
		return
	}
	unit := budget.Unit(currency)
	f.Used(unit, e.purse.pay(plugin+" "+currency, micros, unit.Millionths()))
}
