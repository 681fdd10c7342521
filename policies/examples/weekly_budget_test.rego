package ambit.owner.weekly_budget_test

import data.ambit.owner.weekly_budget

units(capability) := {o.params.unit |
	some o in weekly_budget.obligations with input as {"action": {"name": capability}}
}

test_cards_and_transfers_share_the_week if {
	units("card.charge") == {"usd"}
	units("payment.send") == {"usd"}
}

test_calls_are_counted if units("call.place") == {"count"}

test_nothing_else_is_counted if units("mail.send") == set()
