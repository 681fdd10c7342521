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
		if since[i], err = w.Start(b.now(), b.zone); err != nil {
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

// asking adds up the decisions of the last week. That they can't be read shows
// elsewhere; a status must still come.
func (b backend) asking(ctx context.Context) control.Asking {
	const week = 7
	out := control.Asking{Days: 1}
	list, err := b.gate.Tallies(ctx, week)
	if err != nil || len(list) == 0 {
		return out
	}
	for _, t := range list {
		out.Allowed, out.Asked, out.Denied = out.Allowed+t.Allowed, out.Asked+t.Asked, out.Denied+t.Denied
	}
	if first, err := time.ParseInLocation(time.DateOnly, list[0].Day, b.zone); err == nil {
		out.Days = max(1, min(week, int(b.now().Sub(first).Hours()/24)+1))
	}
	return out
}
