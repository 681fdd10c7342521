package host

import (
	"context"
	"time"

	"github.com/ambithost/ambit/host/budget"
	"github.com/ambithost/ambit/host/control"
)

// Budgets tells what was used of them.
func (b backend) Budgets(ctx context.Context) ([]control.Account, error) {
	var since [3]time.Time
	for i, w := range []budget.Window{"day", "week", "month"} {
		var err error
		if since[i], err = w.Start(time.Now(), b.zone); err != nil {
			return nil, err
		}
	}
	list, err := b.state.Accounts(ctx, since[0], since[1], since[2])
	if err != nil {
		return nil, err
	}
	out := []control.Account{}
	for _, a := range list {
		acc := control.Account{Account: a.Account, Unit: a.Unit, Day: a.Day, Week: a.Week, Month: a.Month, Reserved: a.Reserved}
		for _, c := range a.Unknown {
			acc.Unknown = append(acc.Unknown, control.Charge(c))
		}
		out = append(out, acc)
	}
	return out, nil
}

// ResolveBudget is the owner's word on an effect of unknown outcome.
func (b backend) ResolveBudget(ctx context.Context, effect string, r control.BudgetResolution) error {
	b.touch()
	return b.gate.Resolve(ctx, effect, r.Spent)
}
