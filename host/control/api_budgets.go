package control

import (
	"time"

	"github.com/ambithost/ambit/host/budget"
	"github.com/ambithost/ambit/sdk/protocol"
)

// Account is what budgets have counted together. Money is in minor units.
type Account struct {
	Account  string      `json:"account"` // unit and whose
	Unit     budget.Unit `json:"unit"`
	Day      int64       `json:"day"` // used since the owner's day began, reserved and unknown included
	Week     int64       `json:"week"`
	Month    int64       `json:"month"`
	Reserved int64       `json:"reserved"`          // by effects in flight
	Unknown  []Charge    `json:"unknown,omitempty"` // counted until the owner resolves them
}

// Charge is what one effect took, or may have taken.
type Charge struct {
	Effect string    `json:"effect"`
	Amount int64     `json:"amount"`
	At     time.Time `json:"at"`
}

// BudgetResolution is the owner's word on an effect of unknown outcome.
type BudgetResolution struct {
	Spent bool `json:"spent"` // else what it reserved is free again
}

func (x *exchange) resolveBudget(req BudgetResolution) (empty, error) {
	id := x.r.PathValue("effect")
	if !shortName.MatchString(id) {
		return empty{}, protocol.Errorf(protocol.Invalid, "effect %.140q: want its id (ambit budget list)", id)
	}
	return empty{}, x.ResolveBudget(x.whole(), id, req)
}
