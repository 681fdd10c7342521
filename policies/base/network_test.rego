package ambit.base.network_test

import data.ambit.base.network

to(authority, special, scope) := {
	"action": {"name": "http.request"},
	"facts": {"leads_out": true},
	"resource": {"properties": {
		"authority": authority,
		"addresses": array.concat(["93.184.216.34"], special),
		"special_addresses": special,
	}},
	"context": {"plugin": {"name": "weather"}, "grant": {"id": "g1", "scope": scope}},
}

refused(request) := rules if {
	rules := {r.rule | some r in network.refusals} with input as request
}

agree(request) if {
	refused(request) == set()
	not network.leads_where_it_may_not with input as request
}

agree(request) if {
	refused(request) != set()
	network.leads_where_it_may_not with input as request
}

test_public_addresses_are_reached if {
	refused(to("a.example", [], {"hosts": ["a.example"]})) == set()
	agree(to("a.example", [], {"hosts": ["a.example"]}))
}

test_an_unresolved_host_is_not if {
	request := json.patch(to("a.example", [], {}), [{"op": "replace", "path": "/resource/properties/addresses", "value": []}])
	refused(request) == {"base.network.unresolved"}
	agree(request)
}

test_powers_that_stay_in_the_host_need_no_address if {
	request := {"action": {"name": "kv.read"}, "facts": {"leads_out": false}, "resource": {"properties": {"key": "k"}}}
	refused(request) == set()
	agree(request)
}

test_a_name_does_not_lead_inside if {
	every address in ["10.0.0.1", "127.0.0.1", "169.254.1.1", "::1", "fe80::1", "fd00::1", "0.0.0.0", "224.0.0.1"] {
		request := to("a.example", [address], {"hosts": ["a.example", "*", "*:*"]})
		refused(request) == {"base.network.special_address"}
		agree(request)
	}
}

test_every_address_has_to_be_named if {
	refused(to("a.example", ["10.0.0.1", "10.0.0.2"], {"addresses": ["10.0.0.1"]})) == {"base.network.special_address"}
	refused(to("a.example", ["10.0.0.1", "10.0.0.2"], {"addresses": ["10.0.0.0/30"]})) == set()
}

test_a_grant_names_an_address_in_any_form if {
	refused(to("a.example", ["fd00::1"], {"addresses": ["FD00:0::1"]})) == set()
	refused(to("a.example", ["fd00::1"], {"addresses": ["fd00::/64"]})) == set()
}

test_nonsense_names_nothing if {
	every entry in ["", "*", "10.0.0", "10.0.0.1/33", "a.example", "10.0.0.1 "] {
		refused(to("a.example", ["10.0.0.1"], {"addresses": [entry]})) == {"base.network.special_address"}
	}
}

test_an_address_that_is_the_authority_is_named if {
	refused(to("127.0.0.1:8080", ["127.0.0.1"], {"hosts": ["127.0.0.1:8080"]})) == set()
	refused(to("[fd00::1]:8080", ["fd00::1"], {"hosts": ["[FD00::1]:8080"]})) == set()
	refused(to("10.0.0.1", ["10.0.0.1"], {"hosts": ["10.0.0.1"]})) == set()
}

test_only_the_very_authority_counts if {
	refused(to("127.0.0.1:8080", ["127.0.0.1"], {"hosts": ["127.0.0.1:8081", "*:*"]})) == {"base.network.special_address"}
	refused(to("127.0.0.1:8080", ["10.0.0.1"], {"hosts": ["127.0.0.1:8080"]})) == {"base.network.special_address"}
}

test_localhost_is_the_loopback if {
	refused(to("localhost:8080", ["127.0.0.1", "::1"], {"hosts": ["localhost:8080"]})) == set()
	refused(to("localhost:8080", ["10.0.0.1"], {"hosts": ["localhost:8080"]})) == {"base.network.special_address"}
	refused(to("localhost:8080", ["127.0.0.1"], {"hosts": ["localhost"]})) == {"base.network.special_address"}
	refused(to("x.localhost", ["127.0.0.1"], {"hosts": [".localhost"]})) == {"base.network.special_address"}
}

test_metadata_is_named_exactly_or_not_at_all if {
	every address in ["169.254.169.254", "::ffff:169.254.169.254", "fd00:ec2::254", "100.100.100.200"] {
		request := to("a.example", [address], {
			"hosts": ["a.example"],
			"addresses": ["0.0.0.0/0", "::/0", "169.254.169.254/31", "fd00:ec2::/32", "100.64.0.0/10"],
		})
		refused(request) == {"base.network.metadata_service"}
		agree(request)
	}
}

test_metadata_named_exactly if {
	refused(to("a.example", ["169.254.169.254"], {"addresses": ["169.254.169.254"]})) == set()
	refused(to("a.example", ["169.254.169.254"], {"addresses": ["169.254.169.254/32"]})) == set()
	refused(to("a.example", ["fd00:ec2::254"], {"addresses": ["fd00:ec2::254/128"]})) == set()
}

test_metadata_as_the_authority_is_not_enough if {
	request := to("169.254.169.254", ["169.254.169.254"], {"hosts": ["169.254.169.254"]})
	refused(request) == {"base.network.metadata_service"}
}
