// Package budget says what a budget is and what an effect costs: amounts of
// money, calls, tokens and bytes, counted in windows of time and for someone.
// It holds no state: the gate reserves and settles, the store adds up. Start at
// [Parse] for what a policy obliges, [ParseLimit] for what a person types, and
// [Budget.Charges] for what a use costs.
//
// Guarantees: a cost that can't be told (an amount that is missing, negative or
// in another currency, a recipient that is not stated) is an error and never
// zero. Tokens alone are a guess until the model has answered.
package budget

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ambithost/ambit/sdk/capability"
)

// Budget is an upper bound on what may be used within a window. Effects count
// together when they have the same Unit, Name and values of By: that is the
// budget's account, whatever its limit and window.
type Budget struct {
	Limit  int64  `json:"limit"`  // in Unit; money in minor units
	Unit   Unit   `json:"unit"`   // "usd" or another currency, "count", "tokens", "bytes"
	Window Window `json:"window"` // "day", "week", "month" of the owner's zone, or a length such as "24h"
	By     Keys   `json:"by"`     // whose account
	// Name tells accounts apart that would else be one: two rules that both
	// count calls by agent, for instance.
	Name string `json:"name,omitempty"`
}

// Key is what accounts are kept by.
type Key string

// The keys.
const (
	ByAgent      Key = "agent"
	ByPlugin     Key = "plugin"
	ByCapability Key = "capability"
	ByRecipient  Key = "recipient" // payee, merchant, number, address or host, as the capability has it
)

// Keys is one key or several; in JSON a string or a list.
type Keys []Key

// UnmarshalJSON reads a string or a list of strings.
func (k *Keys) UnmarshalJSON(b []byte) error {
	var one Key
	if json.Unmarshal(b, &one) == nil {
		*k = Keys{one}
		return nil
	}
	var list []Key
	if err := json.Unmarshal(b, &list); err != nil {
		return fmt.Errorf(`by: want "agent", "plugin", "capability", "recipient" or a list of them`)
	}
	*k = list
	return nil
}

// MaxCharges bounds how many accounts one effect may touch.
const MaxCharges = 256

// Parse reads the parameters of a "budget" obligation. What it does not know
// it refuses.
func Parse(params map[string]any) (Budget, error) {
	var b Budget
	raw, err := json.Marshal(params)
	if err != nil {
		return b, fmt.Errorf("budget: %w", err)
	}
	dec := json.NewDecoder(strings.NewReader(string(raw)))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&b); err != nil {
		return b, fmt.Errorf("budget: %w (want limit, unit, window, by and perhaps name)", err)
	}
	return b, b.Check()
}

// Params is the budget as the parameters of an obligation.
func (b Budget) Params() map[string]any {
	by := make([]any, len(b.By))
	for i, k := range b.By {
		by[i] = string(k)
	}
	m := map[string]any{"limit": b.Limit, "unit": string(b.Unit), "window": string(b.Window), "by": by}
	if b.Name != "" {
		m["name"] = b.Name
	}
	return m
}

// Check says what is wrong with a budget.
func (b Budget) Check() error {
	if b.Limit < 0 {
		return fmt.Errorf("budget: the limit %d is negative", b.Limit)
	}
	if err := b.Unit.check(); err != nil {
		return fmt.Errorf("budget: %w", err)
	}
	if err := b.Window.check(); err != nil {
		return fmt.Errorf("budget: %w", err)
	}
	if len(b.By) == 0 {
		return fmt.Errorf(`budget: by is missing: want "agent", "plugin", "capability", "recipient" or a list of them`)
	}
	for i, k := range b.By {
		switch k {
		case ByAgent, ByPlugin, ByCapability, ByRecipient:
		default:
			return fmt.Errorf(`budget: by %q: want "agent", "plugin", "capability" or "recipient"`, k)
		}
		if slices.Contains(b.By[:i], k) {
			return fmt.Errorf("budget: by %q is there twice", k)
		}
	}
	return nil
}

// Use is one use of a capability, as far as it costs.
type Use struct {
	Agent, Plugin, Capability string
	Attributes                capability.Attributes
	ArgBytes                  int // of the request as a whole
}

// Charge is what a use takes from one account, and the limit it must keep.
type Charge struct {
	Account string // who is charged, with the unit
	Unit    Unit
	Amount  int64
	Limit   int64
	Since   time.Time // what was used from here on counts
	Budget  Budget
}

// Exceeded says which limit a charge would break.
type Exceeded struct {
	Charge Charge
	Used   int64 // spent, reserved or unknown in the window
}

func (e *Exceeded) Error() string {
	b, left := e.Charge.Budget, max(0, e.Charge.Budget.Limit-e.Used)
	return fmt.Sprintf("it takes %s, and of the %s %s for %s there is %s left",
		b.Unit.Format(e.Charge.Amount), b.Unit.Format(b.Limit), b.Window.Words(), e.Charge.whose(), b.Unit.Format(left))
}

func (c Charge) whose() string {
	_, who, _ := strings.Cut(c.Account, " ")
	return who
}

// Charges tells what a use costs under a budget: one charge, or with
// "recipient" one for each of them.
func (b Budget) Charges(u Use, now time.Time, zone *time.Location) ([]Charge, error) {
	amount, err := b.Unit.cost(u)
	if err != nil {
		return nil, err
	}
	since, err := b.Window.Start(now, zone)
	if err != nil {
		return nil, err
	}
	recipients := []string{""}
	if slices.Contains(b.By, ByRecipient) {
		if recipients, err = u.recipients(); err != nil {
			return nil, err
		}
	}
	if len(recipients) > MaxCharges {
		return nil, fmt.Errorf("it has %d recipients, at most %d can be counted", len(recipients), MaxCharges)
	}
	out := make([]Charge, len(recipients))
	for i, r := range recipients {
		out[i] = Charge{Account: b.account(u, r), Unit: b.Unit, Amount: amount, Limit: b.Limit, Since: since, Budget: b}
	}
	return out, nil
}

// Account names the account of someone's use under a budget that is not by
// recipient.
func (b Budget) Account(u Use) string { return b.account(u, "") }

// account names an account: the unit, the name, then each key with its value.
// Values are quoted, so that no value can end its own part.
func (b Budget) account(u Use, recipient string) string {
	var s strings.Builder
	s.WriteString(string(b.Unit))
	if b.Name != "" {
		fmt.Fprintf(&s, " name=%q", b.Name)
	}
	values := map[Key]string{ByAgent: u.Agent, ByPlugin: u.Plugin, ByCapability: u.Capability, ByRecipient: recipient}
	for _, k := range []Key{ByAgent, ByPlugin, ByCapability, ByRecipient} {
		if slices.Contains(b.By, k) {
			fmt.Fprintf(&s, " %s=%q", k, values[k])
		}
	}
	return s.String()
}

// recipientAttributes are where the vocabulary says who something goes to.
var recipientAttributes = []string{"recipients", "payee", "merchant", "number", "to", "place", "authority"}

// recipients are those of a use, each once, in one spelling: an account must
// not be escaped by writing a name in capitals or a number with spaces.
func (u Use) recipients() ([]string, error) {
	for _, name := range recipientAttributes {
		var list []string
		switch v := u.Attributes[name].(type) {
		case string:
			list = []string{v}
		case []string:
			list = slices.Clone(v)
		default:
			continue
		}
		for i, r := range list {
			if list[i] = spelling(name, r); list[i] == "" {
				return nil, fmt.Errorf("a budget by recipient counts it, and one of %s is empty", name)
			}
		}
		slices.Sort(list)
		if list = slices.Compact(list); len(list) == 0 {
			return nil, fmt.Errorf("a budget by recipient counts it, and %s is empty", name)
		}
		return list, nil
	}
	return nil, fmt.Errorf("a budget by recipient counts it, and the request states none")
}

func spelling(attribute, s string) string {
	if attribute == "number" {
		return strings.Map(func(r rune) rune {
			if r >= '0' && r <= '9' || r == '+' {
				return r
			}
			return -1
		}, s)
	}
	return strings.ToLower(strings.Join(strings.Fields(s), " "))
}
