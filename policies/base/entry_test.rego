package ambit.base_test

import data.ambit.base

reading := {
	"subject": {"type": "plugin", "id": "notes"},
	"action": {"name": "kv.read", "risk": "read"},
	"resource": {"type": "kv", "id": "k", "properties": {"key": "k"}},
	"context": {
		"plugin": {"name": "notes"},
		"requires": {},
		"grant": {"id": "g1", "scope": {}},
		"now": "2026-03-01T12:00:00Z",
	},
	"facts": {"known": true, "risk": "read", "leads_out": false, "required": true, "granted": true},
}

silence := {"deny": set(), "ask": set(), "obligations": set()}

test_what_is_covered_is_allowed if {
	base.decision.verdict == "allow" with input as reading with data.ambit.layers as silence
}

test_nothing_said_means_deny if {
	base.decision.verdict == "deny" with input as {} with data.ambit.layers as silence
	base.decision.verdict == "deny" with input as {"facts": reading.facts} with data.ambit.layers as silence
}

test_what_can_not_be_undone_is_asked if {
	risky := json.patch(reading, [{"op": "replace", "path": "/action/risk", "value": "irreversible"}])
	decided := base.decision with input as risky with data.ambit.layers as silence
	decided.verdict == "ask"
	decided.obligations == {{"type": "approve"}}
	{r.rule | some r in decided.reasons} == {"base.risk.irreversible"}
}

test_a_strangers_destination_is_asked if {
	argument := {"name": "to", "role": "destination", "text": "x@y.example", "labels": ["untrusted"], "owner_named": false, "address": true}
	outward := json.patch(object.union(reading, {"action": {"name": "mail.change", "risk": "write"}}), [{
		"op": "add", "path": "/context/arguments", "value": [argument],
	}])
	decided := base.decision with input as outward with data.ambit.layers as silence
	decided.verdict == "ask"
	{r.rule | some r in decided.reasons} == {"base.flow.strangers_destination"}
}

test_a_layer_can_deny if {
	layers := object.union(silence, {"deny": {{"rule": "owner.x", "value": "no"}}, "have_a_word": true})
	decided := base.decision with input as reading with data.ambit.layers as layers
	decided.verdict == "deny"
	decided.reasons == [{"rule": "owner.x", "value": "no"}]
}

test_deny_beats_ask if {
	layers := object.union(silence, {"deny": {"no"}, "ask": {"really?"}, "have_a_word": true})
	base.decision.verdict == "deny" with input as reading with data.ambit.layers as layers
}

test_ask_beats_allow if {
	layers := object.union(silence, {"ask": {"really?"}, "obligations": {"redact"}, "have_a_word": true})
	decided := base.decision with input as reading with data.ambit.layers as layers
	decided.verdict == "ask"
	decided.obligations == {{"type": "approve"}, "redact"}
}

test_obligations_come_with_an_allow if {
	layers := object.union(silence, {"obligations": {"redact"}, "have_a_word": true})
	decided := base.decision with input as reading with data.ambit.layers as layers
	decided == {"verdict": "allow", "obligations": {"redact"}}
}

test_a_layer_that_only_asks_does_not_widen if {
	ungranted := json.patch(reading, [{"op": "replace", "path": "/facts/granted", "value": false}])
	layers := object.union(silence, {"ask": {"really?"}, "have_a_word": true})
	base.decision.verdict == "deny" with input as ungranted with data.ambit.layers as layers
}
