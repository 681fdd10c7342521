package ambit.base.risk_test

import data.ambit.base.risk

acting(type, trigger, stated, vocabulary) := {
	"subject": {"type": type, "id": "x"},
	"action": {"name": "mail.send", "risk": stated},
	"context": {"trigger": trigger},
	"facts": {"risk": vocabulary},
}

test_what_can_not_be_undone_is_asked if {
	risk.needs_the_owner with input as acting("agent", "message", "irreversible", "irreversible")
	count(risk.questions) == 1 with input as acting("agent", "message", "irreversible", "irreversible")
}

test_a_request_may_raise_its_risk if {
	risk.needs_the_owner with input as acting("plugin", "message", "irreversible", "read")
}

test_a_request_may_not_lower_it if {
	risk.needs_the_owner with input as acting("plugin", "message", "read", "irreversible")
}

test_who_types_the_command_was_asked if {
	not risk.needs_the_owner with input as acting("owner", "call", "irreversible", "irreversible")
}

test_only_the_owner_and_only_there if {
	risk.needs_the_owner with input as acting("agent", "call", "irreversible", "irreversible")
	risk.needs_the_owner with input as acting("owner", "message", "irreversible", "irreversible")
}

test_the_rest_is_not_asked if {
	every r in ["read", "write", "control"] {
		not risk.needs_the_owner with input as acting("agent", "message", r, r)
		count(risk.questions) == 0 with input as acting("agent", "message", r, r)
	}
}

test_the_owner_may_have_said_so_with_the_grant if {
	charge := acting("agent", "message", "irreversible", "irreversible")
	said := json.patch(charge, [{"op": "add", "path": "/context/grant", "value": {"id": "g1", "consents": true}}])
	unsaid := json.patch(charge, [{"op": "add", "path": "/context/grant", "value": {"id": "g1", "consents": "yes"}}])
	not risk.needs_the_owner with input as said
	risk.needs_the_owner with input as unsaid
}

told(name, more) := {
	"subject": {"type": "agent", "id": "main"},
	"action": {"name": name, "risk": "irreversible"},
	"context": object.union({"trigger": "message"}, more),
	"facts": {"risk": "irreversible"},
}

it(more) := object.union(
	{
		"name": "it", "role": "destination", "owner_named": false, "owner_percent": 0, "record_percent": 0,
		"address": false, "labels": [], "sources": [],
	},
	more,
)

looked_up := {"kind": "tool", "name": "x/y", "labels": ["pointed"], "whole": true, "record_percent": 100}

test_a_booking_that_was_asked_for_with_whom_the_owner_named_is_not_asked if {
	named := it({"owner_named": true})
	when := it({"role": "", "name": "when"})
	not risk.needs_the_owner with input as told("booking.make", {"asked_for": true, "arguments": [named, when]})
	risk.needs_the_owner with input as told("booking.make", {"arguments": [named]})
	risk.needs_the_owner with input as told("booking.make", {"asked_for": true, "arguments": [when]})
	risk.needs_the_owner with input as told("booking.make", {"asked_for": true, "arguments": [named, it({})]})
	risk.needs_the_owner with input as told("booking.make", {"asked_for": true, "arguments": [it({"sources": [looked_up]})]})
	risk.needs_the_owner with input as told("card.charge", {"asked_for": true, "arguments": [named]})
}

test_what_the_owner_called_by_its_title_may_be_deleted if {
	called := it({"record_percent": 100})
	not risk.needs_the_owner with input as told("mail.change", {"asked_for": true, "arguments": [called]})
	not risk.needs_the_owner with input as told("mail.change", {
		"asked_for": true,
		"arguments": [it({"owner_named": true}), called],
	})
	risk.needs_the_owner with input as told("mail.change", {"arguments": [called]})
	risk.needs_the_owner with input as told("mail.change", {"asked_for": true, "arguments": [it({"record_percent": 99})]})
	risk.needs_the_owner with input as told("mail.change", {"asked_for": true, "arguments": [called, it({})]})
	risk.needs_the_owner with input as told("mail.change", {
		"asked_for": true,
		"arguments": [called, it({"role": "content", "record_percent": 100})],
	})
	risk.needs_the_owner with input as told("mail.change", {
		"asked_for": true,
		"arguments": [it({"record_percent": 100, "address": true})],
	})
	risk.needs_the_owner with input as told("social.post", {"asked_for": true, "arguments": [called]})
}
