package ambit.base.request_test

import data.ambit.base.request

good := {
	"subject": {"type": "agent", "id": "main"},
	"action": {"name": "clock.read", "risk": "read"},
	"facts": {"known": true},
}

rules(refusals) := {r.rule | some r in refusals}

test_a_known_request_is_not_refused if {
	count(request.refusals) == 0 with input as good
}

test_subjects_are_agents_plugins_and_owners if {
	every type in ["model", "", "Owner", "root"] {
		refusals := request.refusals with input.subject as {"type": type, "id": "x"}
			with input.action as good.action
			with input.facts as good.facts
		rules(refusals) == {"base.request.subject"}
	}
}

test_a_subject_has_an_id if {
	refusals := request.refusals with input as json.patch(good, [{"op": "replace", "path": "/subject/id", "value": ""}])
	rules(refusals) == {"base.request.subject"}
}

test_without_an_id_it_is_incomplete if {
	request.is_incomplete with input.subject as {"type": "agent", "id": ""}
	not request.is_incomplete with input as good
}

test_capabilities_are_of_the_vocabulary if {
	refusals := request.refusals with input as json.patch(good, [{"op": "replace", "path": "/facts/known", "value": false}])
	rules(refusals) == {"base.request.capability"}
}

test_risks_are_the_four if {
	refusals := request.refusals with input as json.patch(good, [{"op": "replace", "path": "/action/risk", "value": "none"}])
	rules(refusals) == {"base.request.risk"}
}
