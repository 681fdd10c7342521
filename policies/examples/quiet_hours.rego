# METADATA
# title: Quiet hours
# description: |
#   At night nobody else hears from the agent, and whatever changes something
#   waits for the owner. The hours are those of the owner's zone.
# scope: package
package ambit.owner.quiet_hours

import data.ambit.lib.clock
import data.ambit.lib.risk

from := "22:00"

to := "07:00"

deny contains {
	"message": sprintf("quiet hours (%s to %s): nobody else is written to or called", [from, to]),
	"change": "wait, or change the hours in quiet_hours.rego",
} if {
	clock.between(from, to)
	risk.speaks_to_others
}

ask contains sprintf("quiet hours (%s to %s): the owner decides about changes", [from, to]) if {
	clock.between(from, to)
	risk.changes_something
	not risk.acts_on_the_host
	input.action.name != "message.send"
}
