package ambit.lib.people_test

import data.ambit.lib.people

to(addresses) := {"resource": {"properties": {"recipients": addresses}}}

test_all_must_be_known if {
	people.are_all_among(["Ann@example.org", "bob@example.org"]) with input as to(["ann@EXAMPLE.org", " bob@example.org"])
	not people.are_all_among(["ann@example.org"]) with input as to(["ann@example.org", "eve@example.net"])
}

test_nobody_is_not_everybody if {
	not people.are_all_among(["ann@example.org"]) with input as to([])
	not people.are_all_at({"example.org"}) with input as {}
}

test_one_recipient_counts if {
	people.are_all_among(["ada"]) with input.resource.properties.to as "Ada"
}

test_domains if {
	people.are_all_at({"example.org"}) with input as to(["ann@example.org"])
	not people.are_all_at({"example.org"}) with input as to(["ann@sub.example.org"])
	not people.are_all_at({"example.org"}) with input as to(["ann@evil.net@example.org"])
}
