# METADATA
# title: People
# description: |
#   Who will get it: recipients of mail and messages, by address. A request that
#   names nobody goes to nobody known.
# scope: package
package ambit.lib.people

# recipients are all addresses, in lower case.
recipients contains lower(trim_space(address)) if some address in input.resource.properties.recipients

recipients contains lower(trim_space(input.resource.properties.to)) if input.resource.properties.to

# are_all_among tells whether everyone is on a list: are_all_among(lists.contacts).
are_all_among(list) if {
	count(recipients) > 0
	known := {lower(trim_space(entry)) | some entry in list}
	count(recipients - known) == 0
}

# are_all_at tells whether every address is at one of these domains:
# are_all_at({"example.org"}). A subdomain is another domain.
are_all_at(domains) if {
	count(recipients) > 0
	every address in recipients {
		parts := split(address, "@")
		count(parts) == 2
		parts[1] in domains
	}
}
