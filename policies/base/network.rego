# METADATA
# title: Which addresses may be reached
# description: |
#   A host name says nothing about where it leads. The host resolves it, connects
#   to nothing but the addresses it shows here, and asks again on every redirect.
#   Addresses that are not public need to be named by the grant.
# scope: package
# related_resources:
#   - https://www.rfc-editor.org/rfc/rfc6890
package ambit.base.network

# Services on these addresses hand a machine's credentials to whoever asks. They
# are reached by their exact address in a grant, never by a range around it.
metadata_services := {
	"169.254.169.254/32", # AWS, Azure, Google, Oracle and others
	"169.254.170.2/32", # AWS containers
	"169.254.170.23/32", # AWS pod identity
	"100.100.100.200/32", # Alibaba
	"192.0.0.192/32", # Oracle
	"168.63.129.16/32", # Azure's host
	"fd00:ec2::254/128", # AWS
	"fd00:ec2::23/128", # AWS pod identity
	"fd20:ce::254/128", # Google
	"64:ff9b::a9fe:a9fe/128", # 169.254.169.254 through NAT64
}

leads_where_it_may_not if {
	input.facts.leads_out == true
	not input.resource.properties.addresses[0]
	not input.resource.properties.special_addresses[0]
}

leads_where_it_may_not if {
	input.facts.leads_out == true
	input.resource.properties.special_addresses[0]
	some address in input.resource.properties.special_addresses
	not is_named(address)
}

is_named(address) if address in input.context.grant.scope.addresses

is_named(address) if {
	some range in input.context.grant.scope.addresses
	holds(range, address)
	is_one_address(range)
}

is_named(address) if {
	some range in input.context.grant.scope.addresses
	holds(range, address)
	not is_metadata(address)
}

is_named(address) if {
	the_authority_is_granted_as_such
	address == the_host
	not is_metadata(address)
}

is_named(address) if {
	the_authority_is_granted_as_such
	the_host == "localhost"
	is_loopback(address)
}

holds(range, address) if {
	net.cidr_is_valid(range)
	net.cidr_is_valid(whole(address))
	net.cidr_contains(range, address)
}

# A bare address in a grant that is written in another form than the resolved
# one ("FD00::1", "fd00:0::1") is the range that holds it alone.
holds(entry, address) if {
	not contains(entry, "/")
	net.cidr_is_valid(whole(entry))
	net.cidr_is_valid(whole(address))
	net.cidr_contains(whole(entry), address)
}

is_one_address(entry) if not contains(entry, "/")

is_one_address(entry) if endswith(entry, "/128")

is_one_address(entry) if {
	endswith(entry, "/32")
	not contains(entry, ":")
}

is_metadata(address) if {
	some service in metadata_services
	net.cidr_contains(service, address)
}

is_loopback(address) if {
	some range in {"127.0.0.0/8", "::1/128"}
	holds(range, address)
}

whole(address) := concat("", [address, "/128"]) if contains(address, ":")

whole(address) := concat("", [address, "/32"]) if not contains(address, ":")

the_authority_is_granted_as_such if {
	some entry in input.context.grant.scope.hosts
	lower(entry) == input.resource.properties.authority
}

# the_host is the authority without its port and brackets.
the_host := trim_prefix(split(input.resource.properties.authority, "]")[0], "[") if {
	startswith(input.resource.properties.authority, "[")
} else := split(input.resource.properties.authority, ":")[0]

refusals contains {
	"rule": "base.network.unresolved",
	"message": "no address is known, so nobody can say where it leads",
	"change": "nothing to change: the host has to resolve the name; try again when it resolves",
} if {
	input.facts.leads_out == true
	not input.resource.properties.addresses[0]
	not input.resource.properties.special_addresses[0]
}

refusals contains {
	"rule": "base.network.metadata_service",
	"message": sprintf("%s is a machine's metadata service, which hands out its credentials", [address]),
	"change": sprintf(
		"ambit grant %s %s --addresses %s (only the exact address counts)",
		[input.context.plugin.name, input.action.name, address],
	),
} if {
	input.facts.leads_out == true
	some address in input.resource.properties.special_addresses
	not is_named(address)
	is_metadata(address)
}

refusals contains {
	"rule": "base.network.special_address",
	"message": sprintf("%s leads to %s, which is not a public address, and the grant does not name it", [
		object.get(input.resource.properties, "authority", "the request"),
		address,
	]),
	"change": sprintf("ambit grant %s %s --addresses %s", [input.context.plugin.name, input.action.name, address]),
} if {
	input.facts.leads_out == true
	some address in input.resource.properties.special_addresses
	not is_named(address)
	not is_metadata(address)
}
