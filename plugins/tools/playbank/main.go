// Command playbank is a pretend bank card: it carries the powers card.charge
// and card.read, so that rules about money can be tried without any.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/ambithost/ambit/sdk"
	"github.com/ambithost/ambit/sdk/protocol"
	"github.com/ambithost/ambit/sdk/run"
)

var program = run.New(bank())

func main() { program.Main() }

const ledgerKey = "ledger"

// charge is one line of the ledger; Amount is in minor units.
type charge struct {
	Amount   int64  `json:"amount"`
	Currency string `json:"currency"`
	Merchant string `json:"merchant"`
}

func (c charge) String() string {
	return fmt.Sprintf("%d.%02d %s to %s", c.Amount/100, c.Amount%100, c.Currency, c.Merchant)
}

func bank() sdk.Plugin {
	return sdk.Plugin{Name: "playbank", Version: "0.1.0", Tools: []sdk.Tool{
		{
			Name: "charge", Description: "Charge the pretend card.", Handle: doCharge,
			Input: `{"type":"object","properties":{"amount":{"type":"integer","minimum":1},"currency":{"type":"string","pattern":"^[A-Z]{3}$"},"merchant":{"type":"string","minLength":1,"maxLength":120}},"required":["amount","currency","merchant"],"additionalProperties":false}`,
		},
		{
			Name: "ledger", Description: "List what was charged to the pretend card.", Handle: list,
			Input: `{"type":"object","properties":{"card":{"type":"string"}},"required":["card"],"additionalProperties":false}`,
		},
	}}
}

func doCharge(ctx context.Context, call *sdk.Call) (sdk.Result, error) {
	var c charge
	if err := call.Bind(&c); err != nil {
		return sdk.Result{}, err
	}
	if c.Amount < 1 || len(c.Currency) != 3 || c.Merchant == "" {
		return sdk.Result{}, protocol.Errorf(protocol.Invalid, "want an amount above 0, a currency of three letters, and a merchant")
	}
	ledger, err := read(ctx, call.Host)
	if err != nil {
		return sdk.Result{}, err
	}
	b, err := json.Marshal(append(ledger, c))
	if err != nil {
		return sdk.Result{}, err
	}
	if err := call.Put(ctx, ledgerKey, b); err != nil {
		return sdk.Result{}, err
	}
	return sdk.Textf("Charged %s (pretended).", c), nil
}

func list(ctx context.Context, call *sdk.Call) (sdk.Result, error) {
	var in struct {
		Card string `json:"card"`
	}
	if err := call.Bind(&in); err != nil {
		return sdk.Result{}, err
	}
	if in.Card != "play" {
		return sdk.Result{}, protocol.Errorf(protocol.NotFound, "there is one card, called play")
	}
	ledger, err := read(ctx, call.Host)
	if err != nil {
		return sdk.Result{}, err
	}
	if len(ledger) == 0 {
		return sdk.Text("Nothing was charged."), nil
	}
	var lines []string
	for _, c := range ledger {
		lines = append(lines, c.String())
	}
	return sdk.Text(strings.Join(lines, "\n")), nil
}

func read(ctx context.Context, h *sdk.Host) (ledger []charge, err error) {
	b, err := h.Get(ctx, ledgerKey)
	if protocol.CodeOf(err) == protocol.NotFound && err != nil {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return ledger, json.Unmarshal(b, &ledger)
}
