package ambit.owner.strangers_test

import data.ambit.owner.strangers

argument := {
	"name": "url", "role": "destination", "text": "www.example.org", "match": "verbatim", "confidence": 1,
	"owner_named": false, "owner_percent": 0, "address": true, "secret": false, "legible": true, "from": "tool web/fetch",
}

found_in(labels) := object.union(argument, {"sources": [{"kind": "tool", "name": "x/y", "labels": labels, "whole": true}]})

doing(risk, arguments) := {
	"action": {"name": "web.fetch", "risk": risk},
	"context": {"labels": ["untrusted"], "arguments": arguments},
}

asks(risk, arguments) if count(strangers.ask) > 0 with input as doing(risk, arguments)

test_a_strangers_link_is_asked_before_it_is_followed if {
	asks("read", [argument])
	asks("read", [found_in(["untrusted"])])
	asks("read", [found_in(["untrusted", "pointed"])])
}

test_other_links_are_followed if {
	not asks("read", [object.union(argument, {"owner_named": true})])
	not asks("read", [found_in(["private"])])
	not asks("read", [found_in(["private", "untrusted", "pointed"])])
	not asks("read", [object.union(argument, {"address": false})])
}

test_a_conversation_that_read_no_strangers_is_left_alone if {
	count(strangers.ask) == 0 with input as json.patch(
		doing("read", [argument]),
		[{"op": "replace", "path": "/context/labels", "value": []}],
	)
}

test_a_change_that_is_nobodys_word_is_asked if {
	asks("write", [argument])
	asks("write", [argument, found_in(["untrusted"])])
}

moving(risk, arguments) if {
	count(strangers.ask) > 0 with input as json.patch(
		doing(risk, arguments),
		[{"op": "replace", "path": "/action/name", "value": "calendar.write"}],
	)
}

test_what_is_kept_may_be_moved if {
	kept := object.union(found_in(["untrusted"]), {"address": false})
	not moving("write", [kept, object.union(argument, {"role": ""})])
	moving("irreversible", [kept])
	moving("write", [kept, object.union(argument, {"role": "content"})])
	moving("write", [object.union(kept, {"address": true})])
	asks("write", [kept])
}

test_one_word_of_the_owners_is_enough if {
	not asks("write", [argument, object.union(argument, {"owner_named": true})])
	not asks("write", [object.union(argument, {"owner_percent": 70})])
	not asks("write", [found_in(["private"])])
	not asks("write", [found_in(["untrusted", "pointed", "document"])])
	asks("write", [found_in(["untrusted", "pointed"])])
	not asks("write", [])
}
