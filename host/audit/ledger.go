package audit

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
)

// ledger follows which intents have no outcome yet, over the first size
// records.
type ledger struct {
	size uint64
	open map[string]openIntent // by effect
}

type openIntent struct {
	Index  uint64 `json:"index"`
	Record Record `json:"record"`
}

func newLedger() *ledger { return &ledger{open: map[string]openIntent{}} }

func (g *ledger) clone() *ledger {
	return &ledger{size: g.size, open: maps.Clone(g.open)}
}

// add takes the next record and returns what is wrong with its place, if
// anything.
func (g *ledger) add(r Record) (problem string) {
	index := g.size
	g.size++
	switch r.Kind {
	case Intent:
		if r.Effect == "" {
			return "an intent without an effect"
		}
		if before, ok := g.open[r.Effect]; ok {
			return fmt.Sprintf("a second intent of effect %s, the first is entry %d", oneLine(r.Effect), before.Index)
		}
		g.open[r.Effect] = openIntent{Index: index, Record: r}
	case Outcome:
		if _, ok := g.open[r.Effect]; !ok {
			return fmt.Sprintf("an outcome of effect %s, which has no open intent", oneLine(r.Effect))
		}
		delete(g.open, r.Effect)
	}
	return ""
}

// intents returns the open intents, oldest first.
func (g *ledger) intents() []openIntent {
	return slices.SortedFunc(maps.Values(g.open), func(a, b openIntent) int { return cmp.Compare(a.Index, b.Index) })
}

// records returns the open intents' records, oldest first.
func (g *ledger) records() []Record {
	var rs []Record
	for _, it := range g.intents() {
		rs = append(rs, it.Record)
	}
	return rs
}

type ledgerFile struct {
	Size    uint64       `json:"size"`
	Intents []openIntent `json:"intents"`
}

// marshal returns the ledger as a file: the SHA-256 of the rest in hex, a
// newline, JSON.
func (g *ledger) marshal() ([]byte, error) {
	body, err := json.Marshal(ledgerFile{Size: g.size, Intents: g.intents()})
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(body)
	return append(append([]byte(hex.EncodeToString(sum[:])), '\n'), body...), nil
}

// parseLedger is the reverse of marshal.
func parseLedger(data []byte) (*ledger, error) {
	head, body, ok := bytes.Cut(data, []byte("\n"))
	sum := sha256.Sum256(body)
	if !ok || string(head) != hex.EncodeToString(sum[:]) {
		return nil, errors.New("its checksum does not fit")
	}
	var lf ledgerFile
	if err := json.Unmarshal(body, &lf); err != nil {
		return nil, err
	}
	g := newLedger()
	g.size = lf.Size
	for _, it := range lf.Intents {
		g.open[it.Record.Effect] = it
	}
	return g, nil
}
