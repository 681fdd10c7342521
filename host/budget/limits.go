package budget

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ambithost/ambit/sdk/capability"
)

// Limits are what a grant is bound by besides its scope. The zero Limits bind
// nothing.
type Limits struct {
	// Budgets count what the plugin uses of the capability. Their By and Name
	// are the grant's own: by plugin and capability, so that a new grant does
	// not begin a new day. "recipient" may be added.
	Budgets []Budget `json:"budgets,omitempty"`
	// AskOver: above it the owner is asked, and up to it not, unless a rule
	// asks for another reason than that it can't be undone.
	AskOver  *Money      `json:"ask_over,omitempty"`
	Between  *Hours      `json:"between,omitempty"`
	OnlyWhen []Condition `json:"only_when,omitempty"` // all must hold
}

// Money is an amount of one currency.
type Money struct {
	Amount int64 `json:"amount"` // minor units
	Unit   Unit  `json:"unit"`
}

func (m Money) String() string { return m.Unit.Format(m.Amount) }

// Hours are from one time of the owner's day until another, "09:00" to
// "21:00"; what ends before it begins spans midnight. The end is not part of it.
type Hours struct {
	From string `json:"from"`
	To   string `json:"to"`
}

// Condition is a circumstance that must hold at the time of use.
type Condition string

// The conditions.
const (
	// OwnerPresent: the owner spoke or answered within the last 15 minutes.
	OwnerPresent Condition = "owner-present"
	// SessionClean: nothing in the session was written by strangers.
	SessionClean Condition = "session-clean"
)

// Conditions are all there are, with what they mean.
func Conditions() map[Condition]string {
	return map[Condition]string{
		OwnerPresent: "you spoke or answered within the last 15 minutes",
		SessionClean: "the session has read nothing written by strangers",
	}
}

const (
	presence  = 15 * time.Minute
	untrusted = "untrusted" // the label of what strangers wrote
)

// Fit makes the budgets the grant's own, and says whether the limits make sense
// for a capability and if not what would.
func (l *Limits) Fit(c *capability.Capability) error {
	if l == nil {
		return nil
	}
	for i := range l.Budgets {
		if err := l.Budgets[i].fit(c); err != nil {
			return err
		}
	}
	if l.AskOver != nil {
		if !l.AskOver.Unit.Money() || l.AskOver.Amount < 0 {
			return fmt.Errorf("ask over %s: want an amount of money, such as 20usd", *l.AskOver)
		}
		if !has(c, "amount") || !has(c, "currency") {
			return fmt.Errorf("ask over %s: %s moves no money", *l.AskOver, c.Name)
		}
	}
	if l.Between != nil {
		if _, _, err := l.Between.minutes(); err != nil {
			return err
		}
	}
	for _, cond := range l.OnlyWhen {
		if _, known := Conditions()[cond]; !known {
			return fmt.Errorf("only when %q: want %s or %s", string(cond), OwnerPresent, SessionClean)
		}
	}
	return nil
}

// grantName keeps the accounts of grants apart from those of rules.
const grantName = "grant"

// fit makes a budget the grant's own and says whether the capability states
// what it counts.
func (b *Budget) fit(c *capability.Capability) error {
	recipient := slices.Contains(b.By, ByRecipient)
	b.Name, b.By = grantName, Keys{ByPlugin, ByCapability}
	if recipient {
		b.By = append(b.By, ByRecipient)
		if !slices.ContainsFunc(recipientAttributes, func(a string) bool { return has(c, a) }) {
			return fmt.Errorf("budget: %s goes to nobody, so it can't be counted by recipient", c.Name)
		}
	}
	if err := b.Check(); err != nil {
		return err
	}
	switch {
	case b.Unit.Money() && !(has(c, "amount") && has(c, "currency")):
		return fmt.Errorf("a budget in %s: %s moves no money; count uses instead, such as 10/day", strings.ToUpper(string(b.Unit)), c.Name)
	case b.Unit == Bytes && !has(c, "bytes") && !has(c, "body_bytes"):
		return fmt.Errorf("a budget of bytes: %s does not state any; count uses instead, such as 10/day", c.Name)
	case b.Unit == Tokens && !has(c, "max_tokens"):
		return fmt.Errorf("a budget of tokens: %s uses none; count uses instead, such as 10/day", c.Name)
	}
	return nil
}

func has(c *capability.Capability, attribute string) bool {
	return slices.ContainsFunc(c.Attributes, func(a capability.Attribute) bool { return a.Name == attribute })
}

// Admits tells whether the limits let anything happen now, and if not why.
func (l *Limits) Admits(now time.Time, zone *time.Location, ownerSeen time.Time, labels []string) (ok bool, why string) {
	if l == nil {
		return true, ""
	}
	if l.Between != nil && !l.Between.hold(now.In(zone)) {
		return false, fmt.Sprintf("it holds only between %s and %s, and it is %s", l.Between.From, l.Between.To, now.In(zone).Format("15:04"))
	}
	for _, c := range l.OnlyWhen {
		switch {
		case c == OwnerPresent && !ownerSeen.IsZero() && now.Sub(ownerSeen) <= presence:
		case c == SessionClean && !slices.Contains(labels, untrusted):
		case c == OwnerPresent:
			return false, "it holds only while you are present"
		case c == SessionClean:
			return false, "it holds only while the session has read nothing written by strangers"
		default:
			return false, fmt.Sprintf("it holds only when %s, which this host can't tell", c)
		}
	}
	return true, ""
}

// Asks tells whether the limits want the owner's word on a use: its amount is
// above the bound, or can't be compared with it.
func (l *Limits) Asks(a capability.Attributes) (ask bool, why string) {
	if l == nil || l.AskOver == nil {
		return false, ""
	}
	n, err := l.AskOver.Unit.cost(Use{Attributes: a})
	switch {
	case err != nil:
		return true, "the grant asks above " + l.AskOver.String() + ", and this can't be compared with it"
	case n > l.AskOver.Amount:
		return true, l.AskOver.Unit.Format(n) + " is above " + l.AskOver.String() + ", where the grant asks"
	}
	return false, ""
}

// Consents tells whether the limits themselves say that a use needs no word of
// the owner: a bound is set, and this is within it.
func (l *Limits) Consents(a capability.Attributes) bool {
	if l == nil || l.AskOver == nil {
		return false
	}
	ask, _ := l.Asks(a)
	return !ask
}

// ParseHours reads "09:00-21:00".
func ParseHours(s string) (*Hours, error) {
	from, to, ok := strings.Cut(s, "-")
	h := &Hours{From: strings.TrimSpace(from), To: strings.TrimSpace(to)}
	if _, _, err := h.minutes(); !ok || err != nil {
		return nil, fmt.Errorf(`hours %q: want two times of the day, such as "09:00-21:00" or, over midnight, "22:00-06:00"`, s)
	}
	return h, nil
}

func (h Hours) minutes() (from, to int, err error) {
	f, err := time.Parse("15:04", h.From)
	t, err2 := time.Parse("15:04", h.To)
	if err != nil || err2 != nil || h.From == h.To || len(h.From) != 5 || len(h.To) != 5 {
		return 0, 0, fmt.Errorf(`hours %s to %s: want two different times such as "09:00"`, h.From, h.To)
	}
	return f.Hour()*60 + f.Minute(), t.Hour()*60 + t.Minute(), nil
}

// hold compares what a clock on the owner's wall shows.
func (h Hours) hold(local time.Time) bool {
	from, to, err := h.minutes()
	if err != nil {
		return false
	}
	now := local.Hour()*60 + local.Minute()
	if from < to {
		return from <= now && now < to
	}
	return now >= from || now < to
}
