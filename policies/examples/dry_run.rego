# METADATA
# title: Dry run of everything
# description: |
#   The agent looks and plans, and whatever it would change is noted and not done:
#   the audit log then holds what it would have done, and what it would have asked
#   you (ambit audit tail --kind refusal, ambit policy explain INDEX). What is
#   forbidden anyway is denied as ever. The agent reads that nothing happened.
#   Answers to the owner get through, and so does the owner's word over a channel.
# scope: package
package ambit.owner.dry_run

import data.ambit.lib.risk

obligations contains {"type": "dry_run"} if {
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
