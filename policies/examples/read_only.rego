# METADATA
# title: Read only
# description: |
#   The agent may look at everything it was granted and change nothing. Copy this
#   file into the policy folder of AMBIT_HOME; remove it to lift the rule.
# scope: package
package ambit.owner.read_only

import data.ambit.lib.risk

deny contains {
	"message": "read-only mode: nothing may change",
	"change": "remove read_only.rego from the policy folder",
} if {
	risk.changes_something
	not is_needed_to_answer
	not stops_something
}

# Without these the agent could not even say what it read.
is_needed_to_answer if {
	input.action.name == "message.send"
	input.resource.properties.to == "owner"
}

is_needed_to_answer if input.action.name == "owner.speak"

# A watchdog may still pull the switch.
stops_something if input.action.name in {"host.kill", "host.revoke"}
