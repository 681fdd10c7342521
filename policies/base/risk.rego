# METADATA
# title: What the owner is asked
# description: |
#   What can't be undone is the owner's to decide each time. The vocabulary's risk
#   counts even where a request states a lower one.
# scope: package
package ambit.base.risk

needs_the_owner if {
	input.action.risk == "irreversible"
	not the_owner_asks_for_it_here_and_now
}

needs_the_owner if {
	input.facts.risk == "irreversible"
	not the_owner_asks_for_it_here_and_now
}

# Who types the command has been asked already.
the_owner_asks_for_it_here_and_now if {
	input.subject.type == "owner"
	input.context.trigger == "call"
}

questions contains {
	"rule": "base.risk.irreversible",
	"message": sprintf("%s can't be undone, so the owner decides", [input.action.name]),
	"change": "ambit approvals list",
} if {
	needs_the_owner
}
