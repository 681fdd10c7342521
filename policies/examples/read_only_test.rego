package ambit.owner.read_only_test

import data.ambit.owner.read_only

test_reading_goes_on if {
	count(read_only.deny) == 0 with input as {"action": {"name": "mail.read", "risk": "read"}}
}

test_writing_stops if {
	count(read_only.deny) == 1 with input as {"action": {"name": "file.write", "risk": "write"}}
}

test_the_owner_still_gets_answers if {
	count(read_only.deny) == 0 with input as {
		"action": {"name": "message.send", "risk": "write"},
		"resource": {"properties": {"to": "owner"}},
	}
}

test_the_owner_is_still_heard if {
	count(read_only.deny) == 0 with input as {"action": {"name": "owner.speak", "risk": "control"}}
}

test_the_switch_still_works if {
	count(read_only.deny) == 0 with input as {"action": {"name": "host.kill", "risk": "control"}}
}
