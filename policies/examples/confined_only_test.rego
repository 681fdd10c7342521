package ambit.owner.confined_only_test

import data.ambit.owner.confined_only

by(isolation, name) := {
	"action": {"name": name},
	"context": {"plugin": {"name": "weather", "isolation": isolation, "signed": false}},
}

test_confined_plugins_act if {
	count(confined_only.deny) == 0 with input as by("confined", "http.request")
}

test_others_do_not if {
	count(confined_only.deny) == 1 with input as by("process", "http.request")
	count(confined_only.deny) == 1 with input as by("partial", "file.write")
}

test_but_may_read_the_clock if {
	count(confined_only.deny) == 0 with input as by("process", "clock.read")
}
