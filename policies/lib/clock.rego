# METADATA
# title: Time of day
# description: |
#   The time is the request's (input.context.now), in the owner's zone; policies
#   have no clock of their own, so that a decision can be repeated.
# scope: package
package ambit.lib.clock

# between tells whether the time of day is at or after one "15:04" and before the
# other. A span may pass midnight: between("22:00", "07:00").
between(from, to) if {
	from <= to
	time_of_day >= from
	time_of_day < to
}

between(from, to) if {
	from > to
	time_of_day >= from
}

between(from, to) if {
	from > to
	time_of_day < to
}

is_weekend if time.weekday(wall_clock) in {"Saturday", "Sunday"}

# the_owner_was_here_within tells whether the owner spoke or answered in the last
# minutes.
the_owner_was_here_within(minutes) if {
	seen := time.parse_rfc3339_ns(input.context.owner_seen)
	time.parse_rfc3339_ns(input.context.now) - seen <= ((minutes * 60) * 1000) * 1000000
}

time_of_day := substring(input.context.now, 11, 5)

# wall_clock is the owner's date and time as if they were UTC, which makes OPA's
# functions answer in the owner's zone.
wall_clock := time.parse_rfc3339_ns(sprintf("%sZ", [substring(input.context.now, 0, 19)]))

# the_owner_has_been_away_for tells whether the owner has not spoken or answered
# in the last days, or never has.
the_owner_has_been_away_for(days) if not the_owner_was_here_within((days * 24) * 60)
