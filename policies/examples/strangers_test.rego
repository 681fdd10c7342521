package ambit.owner.strangers_test

import data.ambit.owner.strangers

argument := {
	"name": "url", "role": "destination", "text": "www.example.org", "match": "verbatim", "confidence": 1,
	"owner_named": false, "owner_percent": 0, "record_percent": 0, "address": true, "secret": false, "legible": true, "from": "tool web/fetch",
}

found_in(labels) := object.union(argument, {"sources": [{"kind": "tool", "name": "x/y", "labels": labels, "whole": true}]})

doing(risk, arguments) := {
	"subject": {"type": "agent", "id": "main"},
	"action": {"name": "web.fetch", "risk": risk},
	"context": {"labels": ["untrusted"], "arguments": arguments, "asked_for": true},
}

unasked(request) := json.remove(request, ["/context/asked_for"])

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

test_what_the_owner_spoke_of_may_be_moved if {
	kept := object.union(found_in(["untrusted"]), {"address": false, "record_percent": 60})
	not moving("write", [kept, object.union(argument, {"role": ""})])
	not moving("irreversible", [object.union(kept, {"record_percent": 100})])
	moving("irreversible", [kept])
	moving("write", [object.union(kept, {"record_percent": 50})])
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

test_what_the_owner_did_not_ask_for_takes_their_own_text if {
	named := object.union(argument, {"owner_named": true})
	content := object.union(argument, {"role": "content", "name": "text"})
	count(strangers.ask) == 0 with input as doing("write", [named, content])
	count(strangers.ask) == 1 with input as unasked(doing("write", [named, content]))
	count(strangers.ask) == 0 with input as unasked(doing("write", [named, object.union(content, {"owner_percent": 60})]))
	count(strangers.ask) == 0 with input as unasked(doing("write", [named, object.union(content, found_in(["private"]))]))
	count(strangers.ask) == 0 with input as unasked(doing("read", [named, content]))
}

test_a_change_without_any_word_is_asked_when_it_was_not_asked_for if {
	count(strangers.ask) == 0 with input as doing("write", [])
	count(strangers.ask) == 1 with input as unasked(doing("write", []))
	count(strangers.ask) == 0 with input as unasked(doing("read", []))
	count(strangers.ask) == 0 with input as json.patch(
		unasked(doing("write", [])),
		[{"op": "add", "path": "/context/grant", "value": {"scope": {"max_amount": 5000}}}],
	)
	count(strangers.ask) == 0 with input as json.patch(
		unasked(doing("write", [])),
		[{"op": "replace", "path": "/subject/type", "value": "plugin"}],
	)
}

test_a_document_vouches_for_what_was_asked_for_and_not_for_memory if {
	document := object.union(found_in(["untrusted", "pointed", "document"]), {"role": "content"})
	not asks("write", [document])
	count(strangers.ask) > 0 with input as unasked(doing("write", [document]))
	count(strangers.ask) > 0 with input as json.patch(
		doing("write", [document]),
		[{"op": "replace", "path": "/action/name", "value": "memory.write"}],
	)
}
