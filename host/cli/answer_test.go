package cli

import (
	"slices"
	"testing"

	"github.com/ambithost/ambit/host/control"
)

// TestByTurn: what belongs to one turn stands together and can be answered
// together; what has been answered is not offered again.
func TestByTurn(t *testing.T) {
	t.Parallel()
	var list []control.Approval
	for _, ap := range []struct{ id, turn string }{{"1", "a"}, {"2", ""}, {"3", "b"}, {"4", "a"}, {"5", ""}, {"6", "a"}, {"7", "b"}} {
		list = append(list, control.Approval{ID: ap.id, Turn: ap.turn, State: control.Pending})
	}
	list[6].State = control.Approved
	sorted, turns := byTurn(list)
	var ids []string
	for _, ap := range sorted {
		ids = append(ids, ap.ID)
	}
	if !slices.Equal(ids, []string{"1", "4", "6", "2", "3", "7", "5"}) || len(turns) != 1 || !slices.Equal(turns[0], []string{"1", "4", "6"}) {
		t.Errorf("%v, %v", ids, turns)
	}
}
