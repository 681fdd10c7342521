package ambit.lib.clock_test

import data.ambit.lib.clock

test_a_span_within_a_day if {
	clock.between("09:00", "17:00") with input.context.now as "2026-03-02T09:00:00Z"
	not clock.between("09:00", "17:00") with input.context.now as "2026-03-02T17:00:00Z"
}

test_a_span_past_midnight if {
	clock.between("22:00", "07:00") with input.context.now as "2026-03-02T23:59:59.5+05:30"
	clock.between("22:00", "07:00") with input.context.now as "2026-03-02T00:00:00Z"
	not clock.between("22:00", "07:00") with input.context.now as "2026-03-02T12:00:00Z"
}

test_an_empty_span if {
	not clock.between("09:00", "09:00") with input.context.now as "2026-03-02T09:00:00Z"
}

test_the_weekend_is_the_owners if {
	# Friday in UTC, Saturday where the owner is.
	clock.is_weekend with input.context.now as "2026-03-07T00:30:00+09:00"
	not clock.is_weekend with input.context.now as "2026-03-06T15:30:00Z"
}

test_presence if {
	context := {"now": "2026-03-02T12:00:00Z", "owner_seen": "2026-03-02T12:50:00+01:00"}
	clock.the_owner_was_here_within(10) with input.context as context
	not clock.the_owner_was_here_within(9) with input.context as context
	not clock.the_owner_was_here_within(9) with input.context as {"now": "2026-03-02T12:00:00Z"}
}

test_absence if {
	context := {"now": "2026-03-04T12:00:00Z", "owner_seen": "2026-03-02T11:59:59Z"}
	clock.the_owner_has_been_away_for(2) with input.context as context
	not clock.the_owner_has_been_away_for(3) with input.context as context
	clock.the_owner_has_been_away_for(3) with input.context as {"now": "2026-03-02T12:00:00Z"}
}
