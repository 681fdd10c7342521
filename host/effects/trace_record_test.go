package effects

import (
	"encoding/json"
	"testing"

	"github.com/ambithost/ambit/host/provenance"
	"github.com/ambithost/ambit/sdk/capability"
	"github.com/ambithost/ambit/sdk/manifest"
)

// A destination says how much of its title the owner said, whatever its JSON type,
// and by which source.
func TestDestinationsKnowTheirRecords(t *testing.T) {
	t.Parallel()
	m := (*provenance.Material)(nil).With(
		provenance.Text{Source: provenance.Source{Kind: provenance.Owner}, Body: "Move the dentist, and tell Amir."},
		provenance.Text{Source: provenance.Source{Kind: provenance.Tool, Name: "calendar/list", Labels: []string{"private", "untrusted"}}, Body: `[{"id": 1207, "title": "Dentist"}, {"id": 1208, "title": "Board meeting"}]`},
		provenance.Text{Source: provenance.Source{Kind: provenance.Tool, Name: "people/list", Labels: []string{"private"}}, Body: "- name: Amir Haddad\n  mail: amir@haddad.example\n"},
	)
	move := manifest.ToolSpec{Name: "move", Capability: "calendar.write", Destinations: []string{"event", "guest"}, Input: json.RawMessage(`{"type":"object","properties":{"event":{},"guest":{},"days":{}}}`)}
	list := traceTool(m, &move, map[string]any{"event": json.Number("1207"), "guest": "amir@haddad.example", "days": json.Number("7")})
	if len(list) != 2 {
		t.Fatalf("numbers are traced where they say what is reached, and only there: %+v", list)
	}
	if a := only(t, list, "event", "destination"); a.RecordPercent != 100 || a.OwnerNamed {
		t.Errorf("the dentist: %+v", a)
	}
	guest := only(t, list, "guest", "destination")
	if guest.RecordPercent != 0 || len(guest.Sources) != 1 || guest.Sources[0].RecordPercent != 50 {
		t.Errorf("Amir's address is a member of his record and not its number: %+v", guest)
	}
	list = traceTool(m, &move, map[string]any{"event": json.Number("1208")})
	if a := only(t, list, "event", "destination"); a.RecordPercent != 0 {
		t.Errorf("the board: %+v", a)
	}
}

func TestAskedFor(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		owner string
		spec  manifest.ToolSpec
		want  bool
	}{
		{"Please reserve a table.", manifest.ToolSpec{Name: "x", Capability: "booking.make"}, true},
		{"What do guests say of the hotel?", manifest.ToolSpec{Name: "book_hotel", Capability: "booking.make"}, false},
		{"Put it into my calendar.", manifest.ToolSpec{Name: "x", Capability: "calendar.write"}, true},
		{"Put it into my calendar.", manifest.ToolSpec{Name: "x", Capability: "calendar.write", Risk: capability.Irreversible}, false},
		{"Cancel it in my calendar.", manifest.ToolSpec{Name: "x", Capability: "calendar.write", Risk: capability.Irreversible}, true},
		{"Turn on the lights.", manifest.ToolSpec{Name: "lights_on", Risk: capability.Write}, true},
		{"Turn on the heating.", manifest.ToolSpec{Name: "lights_on", Risk: capability.Write}, false},
		{"Go on.", manifest.ToolSpec{Name: "on", Risk: capability.Write}, false},
		{"", manifest.ToolSpec{Name: "x", Capability: "mail.send"}, false},
	} {
		m := (*provenance.Material)(nil).With(
			provenance.Text{Source: provenance.Source{Kind: provenance.Owner}, Body: c.owner},
			provenance.Text{Source: provenance.Source{Kind: provenance.Tool, Name: "web/fetch", Labels: []string{"untrusted"}}, Body: "book, send, delete, lights, calendar"},
		)
		if got := askedFor(m, &c.spec); got != c.want {
			t.Errorf("%q, %s %s: %v", c.owner, c.spec.Capability, c.spec.Risk, got)
		}
	}
}
