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
