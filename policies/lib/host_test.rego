package ambit.lib.host_test

import data.ambit.lib.host

test_matching if {
	host.matches("A.example", "a.example")
	host.matches(".example", "a.example")
	host.matches("*", "a.example")
	host.matches("*", "[::1]")
	host.matches("*:*", "a.example:8443")
	host.matches("[::1]:8443", "[::1]:8443")
}

test_not_matching if {
	not host.matches("a.example", "b.a.example")
	not host.matches(".example", ".example")
	not host.matches(".example", "badexample")
	not host.matches("*", "a.example:8443")
	not host.matches("*", "[::1]:8443")
	not host.matches("*.example", "a.example")
}

test_where_a_request_goes if {
	host.goes_to(["b.example", ".a.example"]) with input.resource.properties.authority as "x.a.example"
	not host.goes_to([]) with input.resource.properties.authority as "x.a.example"
}
