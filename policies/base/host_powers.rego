# METADATA
# title: Power over the host
# description: |
#   Killing, revoking and speaking for the owner are granted by naming what they
#   reach: "*" is no name. A request that states the risk "control" for another
#   capability gets the same care when an agent makes it.
# scope: package
package ambit.base.host_powers

are_used_unnamed if {
	input.facts.risk == "control"
	not is_named
}

are_used_unnamed if {
	input.action.risk == "control"
	not is_named
}

is_named if {
	input.action.name in {"host.kill", "host.revoke"}
	the_target_is_named
}

# There is nothing to narrow in owner.speak: the grant itself is the name.
is_named if input.action.name == "owner.speak"

is_named if {
	input.action.name == "owner.approve"
	the_ceiling_is_named
}

is_named if {
	input.facts.risk != "control"
	input.subject.type in {"plugin", "owner"}
}

is_named if {
	input.facts.risk != "control"
	the_grant_is_explicit
}

the_target_is_named if {
	input.resource.properties.target in input.context.grant.scope.targets
	not "*" in input.context.grant.scope.targets
}

# Rego orders values of different types too: only a number is a ceiling.
the_ceiling_is_named if {
	is_number(input.context.grant.scope.max_amount)
	input.context.grant.scope.max_amount >= 0
}

the_grant_is_explicit if {
	input.context.grant.scope != {}
	not a_wildcard_is_granted
}

a_wildcard_is_granted if {
	some entries in input.context.grant.scope
	some entry in entries
	entry in {"*", "*:*"}
}

refusals contains {
	"rule": "base.host_powers.target",
	"message": sprintf("a grant of %s has to name its target, and this one does not name %q", [
		input.action.name,
		object.get(input.resource.properties, "target", "(none)"),
	]),
	"change": sprintf("ambit grant %s %s --targets %s", [
		input.context.plugin.name,
		input.action.name,
		object.get(input.resource.properties, "target", "TARGET"),
	]),
} if {
	input.action.name in {"host.kill", "host.revoke"}
	not the_target_is_named
}

refusals contains {
	"rule": "base.host_powers.ceiling",
	"message": "a grant of owner.approve has to name the amount up to which it counts",
	"change": sprintf("ambit grant %s owner.approve --max 20usd", [input.context.plugin.name]),
} if {
	input.action.name == "owner.approve"
	not the_ceiling_is_named
}

refusals contains {
	"rule": "base.host_powers.implicit",
	"message": sprintf("an agent acts on the host by %s only under a grant that is narrowed without wildcards", [
		input.action.name,
	]),
	"change": sprintf("ambit grant %s %s with a scope that names what it reaches", [
		input.context.plugin.name,
		input.action.name,
	]),
} if {
	input.facts.known
	not input.action.name in {"host.kill", "host.revoke", "owner.speak", "owner.approve"}
	are_used_unnamed
}
