package provenance

import (
	"strings"
	"testing"
)

// megabyte is prose of a megabyte, no two sentences alike, in 16 texts.
func megabyte() *Material {
	var m *Material
	subjects := strings.Fields("harbour ledger pilot crane market garden letter window captain bridge morning engine orchard library")
	for i := range 16 {
		var b strings.Builder
		for n := i; b.Len() < 1<<16; n = n*7919 + 12345 {
			n &= 1<<30 - 1
			for j := range 9 {
				b.WriteString(subjects[(n>>(2*j))%len(subjects)] + " ")
			}
			b.WriteString("was noted, as ever. ")
		}
		m = m.With(Text{page, b.String()[:1<<16]})
	}
	return m
}

func BenchmarkTrace(b *testing.B) {
	m := megabyte()
	prose := "We would be glad to see you at the reading on Thursday; there will be tea, and a short talk about lighthouses on the northern coast and the people who kept them burning through the long winters of old."
	for _, c := range []struct{ name, value string }{
		{"prose200", prose},
		{"copy200", m.texts[9].layers[0].text[30000:30200]},
		{"address", "nobody@nowhere.example"},
		{"short", "Bob"},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(1 << 20)
			for b.Loop() {
				m.Trace(c.value)
			}
		})
	}
}

func BenchmarkWith(b *testing.B) {
	m := megabyte()
	body := strings.Repeat("The tide table for the week is on the board. ", 93)[:4096]
	b.Run("4KiB", func(b *testing.B) {
		b.SetBytes(4096)
		for b.Loop() {
			m.With(Text{page, body})
		}
	})
	json := `{"items":[` + strings.Repeat(`{"id":"3f786850e387550fdab836ed7e6dc881de23001b","text":"line one\nline two \u00fcber"},`, 50)
	b.Run("JSON4KiB", func(b *testing.B) {
		b.SetBytes(4096)
		for b.Loop() {
			m.With(Text{page, json[:4096]})
		}
	})
}
