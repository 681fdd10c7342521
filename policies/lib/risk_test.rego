package ambit.lib.risk_test

import data.ambit.lib.risk

test_risks if {
	risk.only_reads with input.action.risk as "read"
	not risk.changes_something with input.action.risk as "read"
	risk.changes_something with input.action.risk as "control"
	risk.acts_on_the_host with input.action.risk as "control"
	risk.can_not_be_undone with input.action.risk as "irreversible"
}

test_money if {
	risk.spends with input.action.name as "payment.send"
	not risk.spends with input.action.name as "card.read"
}

test_others if {
	risk.speaks_to_others with input.action.name as "mail.send"
	risk.speaks_to_others with input as {"action": {"name": "message.send"}, "resource": {"properties": {"to": "ada"}}}
	not risk.speaks_to_others with input as {"action": {"name": "message.send"}, "resource": {"properties": {"to": "owner"}}}
}
