package ambit.base.grants_test

import data.ambit.base.grants

with_grant(expires, facts) := {
	"action": {"name": "http.request"},
	"context": {
		"plugin": {"name": "weather"},
		"requires": {"hosts": ["a.example"]},
		"grant": {"id": "g1", "scope": {}, "expires": expires},
		"now": "2026-03-01T12:00:00Z",
	},
	"facts": facts,
}

covered := {"required": true, "granted": true}

rules(refusals) := {r.rule | some r in refusals}

test_a_running_grant_holds if {
	not grants.are_void with input as with_grant("2026-03-01T12:00:01Z", covered)
	count(grants.refusals) == 0 with input as with_grant("2026-03-01T12:00:01Z", covered)
}

test_a_grant_ends_on_the_second if {
	grants.are_void with input as with_grant("2026-03-01T12:00:00Z", covered)
	refusals := grants.refusals with input as with_grant("2026-03-01T12:00:00Z", covered)
	rules(refusals) == {"base.grants.expired"}
}

test_zones_are_understood if {
	grants.are_void with input as with_grant("2026-03-01T13:30:00+02:00", covered)
}

test_beyond_the_grant if {
	facts := {"required": true, "granted": false, "granted_lacks": "method \"POST\" is not in methods"}
	refusals := grants.refusals with input as with_grant("2027-01-01T00:00:00Z", facts)
	rules(refusals) == {"base.grants.beyond_grant"}
}

test_beyond_the_manifest if {
	facts := {"required": false, "granted": true, "required_lacks": "why"}
	refusals := grants.refusals with input as with_grant("2027-01-01T00:00:00Z", facts)
	rules(refusals) == {"base.grants.beyond_manifest"}
}

test_neither_required_nor_granted if {
	refusals := grants.refusals with input as {
		"action": {"name": "http.request"},
		"context": {"plugin": {"name": "weather"}},
		"facts": {"required": false, "granted": false},
	}
	rules(refusals) == {"base.grants.not_required", "base.grants.not_granted"}
}

test_a_grant_has_an_id if {
	grants.are_void with input as {"context": {"grant": {"id": "", "scope": {}}}}
}
