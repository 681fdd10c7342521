package ambit.owner.watchdog_test

import data.ambit.owner.watchdog

kill(plugin, target, seen) := {
	"subject": {"type": "plugin", "id": plugin},
	"action": {"name": "host.kill", "risk": "control"},
	"resource": {"properties": {"target": target}},
	"context": {"plugin": {"name": plugin}, "now": "2026-03-01T12:00:00Z", "owner_seen": seen},
}

test_it_may_stop_a_plugin if {
	count(watchdog.deny) == 0 with input as kill("watchdog", "plugin:mail", "2026-03-01T11:59:00Z")
}

test_it_may_stop_everything_when_alone if {
	count(watchdog.deny) == 0 with input as kill("watchdog", "all", "2026-03-01T11:00:00Z")
}

test_it_may_not_while_the_owner_is_here if {
	count(watchdog.deny) == 1 with input as kill("watchdog", "all", "2026-03-01T11:59:00Z")
}

test_nobody_else_kills if {
	count(watchdog.deny) == 1 with input as kill("mail", "plugin:web", "2026-03-01T11:00:00Z")
}

test_it_does_nothing_else if {
	count(watchdog.deny) == 1 with input as {
		"action": {"name": "http.request"},
		"context": {"plugin": {"name": "watchdog"}},
	}
}
