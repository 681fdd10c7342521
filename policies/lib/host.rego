# METADATA
# title: Hosts
# description: Tells where a request goes.
# scope: package
package ambit.lib.host

# matches compares an entry with an authority, as in a grant: exact
# ("api.example.org", "127.0.0.1:8080"), a leading dot for every name below, "*"
# for any on its default port, "*:*" for any at all.
matches(entry, authority) if {
	not startswith(entry, ".")
	lower(entry) == authority
}

matches(entry, authority) if {
	startswith(entry, ".")
	endswith(authority, lower(entry))
	authority != lower(entry)
}

matches("*", authority) if not has_port(authority)

matches("*:*", _)

# A colon within brackets belongs to an address.
has_port(authority) if {
	parts := split(authority, "]")
	contains(parts[count(parts) - 1], ":")
}

# goes_to tells whether the request goes to one of these entries.
goes_to(entries) if {
	some entry in entries
	matches(entry, input.resource.properties.authority)
}
