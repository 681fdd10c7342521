# METADATA
# title: A watchdog
# description: |
#   A plugin called watchdog holds host.kill. It may stop what misbehaves and do
#   nothing else, and it may not stop everything while the owner is around to
#   decide that.
# scope: package
package ambit.owner.watchdog

import data.ambit.lib.clock

its_powers := {"host.kill", "host.revoke", "audit.read", "clock.read", "log.write", "message.send"}

deny contains sprintf("a watchdog watches; it has no business with %s", [input.action.name]) if {
	input.context.plugin.name == "watchdog"
	not input.action.name in its_powers
}

deny contains {
	"message": "the owner is here and can decide to stop everything",
	"change": "ambit kill",
} if {
	input.context.plugin.name == "watchdog"
	input.action.name == "host.kill"
	input.resource.properties.target == "all"
	clock.the_owner_was_here_within(15)
}

# Nobody but the watchdog and the owner pulls the switch.
deny contains sprintf("%s is no watchdog", [input.context.plugin.name]) if {
	input.action.name == "host.kill"
	input.context.plugin.name != "watchdog"
	input.subject.type != "owner"
}
