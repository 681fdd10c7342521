# METADATA
# title: Requirements and grants
# description: |
#   A plugin may do what its manifest requires and its owner granted, each within
#   its scope. Whether a scope covers the request is said by input.facts: the
#   engine computes it with the vocabulary's own matcher, the one that the gate
#   uses. lib/scope.rego is the same matcher in Rego, for owners' rules.
# scope: package
package ambit.base.grants

are_void if input.context.grant.id == ""

are_void if {
	input.context.grant.expires
	the_grant_has_ended
}

the_grant_has_ended if {
	expires := input.context.grant.expires
	time.parse_rfc3339_ns(input.context.now) >= time.parse_rfc3339_ns(expires)
}

refusals contains {
	"rule": "base.grants.not_required",
	"message": sprintf("the manifest of %s does not require %s", [input.context.plugin.name, input.action.name]),
	"change": "ask the plugin's author to require it; a grant can't go beyond the manifest",
} if {
	not input.context.requires
}

refusals contains {
	"rule": "base.grants.beyond_manifest",
	"message": sprintf("it is beyond what the manifest of %s requires: %s", [
		input.context.plugin.name,
		input.facts.required_lacks,
	]),
	"change": "ask the plugin's author to require it; a grant can't go beyond the manifest",
} if {
	input.context.requires
	not input.facts.required
}

refusals contains {
	"rule": "base.grants.not_granted",
	"message": sprintf("%s was not granted %s", [input.context.plugin.name, input.action.name]),
	"change": grant_command,
} if {
	not there_is_a_grant
}

refusals contains {
	"rule": "base.grants.beyond_grant",
	"message": sprintf("it is beyond the grant: %s", [input.facts.granted_lacks]),
	"change": grant_command,
} if {
	there_is_a_grant
	not input.facts.granted
}

refusals contains {
	"rule": "base.grants.expired",
	"message": sprintf("the grant ended at %s", [input.context.grant.expires]),
	"change": grant_command,
} if {
	the_grant_has_ended
}

there_is_a_grant if input.context.grant.id != ""

grant_command := sprintf("ambit grant %s %s", [input.context.plugin.name, input.action.name])
