package ambit.lib.scope_test

import data.ambit.lib.scope

get(authority) := {
	"action": {"name": "http.request"},
	"resource": {"properties": {"method": "GET", "scheme": "https", "authority": authority, "path": "/v1/x"}},
}

test_defaults_stand_in_for_absent_keys if {
	scope.covers({"hosts": ["a.example"]}) with input as get("a.example")
	not scope.covers({}) with input as get("a.example")
	not scope.covers({"hosts": ["a.example"], "methods": ["POST"]}) with input as get("a.example")
}

test_sets_will_do if {
	scope.covers({"hosts": {"a.example"}, "paths": {"/v1/"}}) with input as get("a.example")
}

test_an_unknown_key_admits_nothing if {
	not scope.covers({"hosts": ["a.example"], "host": ["a.example"]}) with input as get("a.example")
}

test_a_key_of_the_wrong_shape_admits_nothing if {
	not scope.covers({"hosts": "a.example"}) with input as get("a.example")
	not scope.covers({"hosts": 1}) with input as get("a.example")
}

test_bounds if {
	charge := {
		"action": {"name": "card.charge"},
		"resource": {"properties": {"amount": 100, "currency": "USD", "merchant": "m"}},
	}
	scope.covers({}) with input as charge
	scope.covers({"max_amount": 100}) with input as charge
	not scope.covers({"max_amount": 99}) with input as charge
}

test_paths if {
	read := {"action": {"name": "file.read"}, "resource": {"properties": {"path": "notes/a.md"}}}
	scope.covers({"paths": ["notes/"]}) with input as read
	scope.covers({"paths": ["."]}) with input as read
	scope.covers({"paths": ["notes/a.md"]}) with input as read
	not scope.covers({"paths": ["notes"]}) with input as read
}

test_all_recipients_count if {
	mail := {"action": {"name": "mail.send"}, "resource": {"properties": {"recipients": ["a@x", "b@x"]}}}
	scope.covers({"to": ["a@x", "b@x"]}) with input as mail
	not scope.covers({"to": ["a@x"]}) with input as mail
}

test_an_unknown_capability_is_covered_by_nothing if {
	not scope.covers({}) with input as {"action": {"name": "host.resume"}, "resource": {"properties": {}}}
}
