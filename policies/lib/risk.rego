# METADATA
# title: Risk
# description: How much harm one use can do.
# scope: package
package ambit.lib.risk

only_reads if input.action.risk == "read"

changes_something if input.action.risk in {"write", "irreversible", "control"}

can_not_be_undone if input.action.risk == "irreversible"

acts_on_the_host if input.action.risk == "control"

# spends tells whether money moves.
spends if input.action.name in {"card.charge", "card.issue", "payment.send"}

# speaks_to_others tells whether someone other than the owner will hear of it.
speaks_to_others if input.action.name in {"mail.send", "call.place", "social.post", "social.message"}

speaks_to_others if {
	input.action.name == "message.send"
	input.resource.properties.to != "owner"
}
