package ambit.owner.quiet_hours_test

import data.ambit.owner.quiet_hours

call(now) := {
	"action": {"name": "call.place", "risk": "irreversible"},
	"context": {"now": now},
}

test_no_calls_at_night if {
	count(quiet_hours.deny) == 1 with input as call("2026-03-01T23:30:00+01:00")
	count(quiet_hours.deny) == 1 with input as call("2026-03-01T06:59:59+01:00")
}

test_calls_by_day if {
	count(quiet_hours.deny) == 0 with input as call("2026-03-01T07:00:00+01:00")
	count(quiet_hours.deny) == 0 with input as call("2026-03-01T21:59:59+01:00")
}

test_changes_are_asked_about_at_night if {
	write := {"action": {"name": "file.write", "risk": "write"}, "context": {"now": "2026-03-01T02:00:00Z"}}
	count(quiet_hours.ask) == 1 with input as write
}
