# METADATA
# title: Dry run of everything
# description: |
#   The agent looks and plans, and whatever it would change is refused and written
#   down: the audit log then holds what it would have done (ambit audit tail
#   --verdict deny, ambit policy explain INDEX). Answers to the owner get through,
#   and so does the agent's own memory of them.
# scope: package
package ambit.owner.dry_run

import data.ambit.lib.risk

deny contains {
	"message": sprintf("dry run: %s %s was noted and not done", [input.action.name, input.resource.id]),
	"change": "remove dry_run.rego from the policy folder",
} if {
	risk.changes_something
	not is_an_answer
	not stops_something
}

is_an_answer if {
	input.action.name == "message.send"
	input.resource.properties.to == "owner"
}

is_an_answer if input.action.name == "owner.speak"

# The switch is never pretended.
stops_something if input.action.name in {"host.kill", "host.revoke"}
