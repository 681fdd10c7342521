package ambit.owner.weekly_budget_test

import data.ambit.owner.weekly_budget

counted_in(capability) := {o.params.unit |
	some o in weekly_budget.obligations with input as {"action": {"name": capability}}
}

test_cards_and_transfers_share_the_week if {
	counted_in("card.charge") == {"usd"}
	counted_in("payment.send") == {"usd"}
}

test_calls_are_counted if counted_in("call.place") == {"count"}

test_nothing_else_is_counted if counted_in("mail.send") == set()
