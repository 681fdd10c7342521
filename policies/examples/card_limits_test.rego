package ambit.owner.card_limits_test

import data.ambit.owner.card_limits

charge(amount, currency, merchant) := {
	"action": {"name": "card.charge", "risk": "irreversible"},
	"resource": {"properties": {"amount": amount, "currency": currency, "merchant": merchant}},
	"context": {"labels": ["owner", "untrusted"]},
}

test_small_charges_pass if {
	count(card_limits.deny) == 0 with input as charge(5000, "USD", "Book Depot")
}

test_large_charges_do_not if {
	count(card_limits.deny) == 1 with input as charge(5001, "USD", "Book Depot")
}

test_other_currencies_do_not if {
	count(card_limits.deny) == 1 with input as charge(1, "JPY", "Book Depot")
}

test_banned_merchants_are_not_paid if {
	count(card_limits.deny) == 1 with input as charge(1, "USD", "Lucky Casino")
}

test_strangers_are_mentioned if {
	count(card_limits.ask) == 1 with input as charge(1, "USD", "Book Depot")
}

test_other_powers_are_left_alone if {
	count(card_limits.deny) == 0 with input as {"action": {"name": "clock.read", "risk": "read"}}
}

test_a_day_has_an_end if {
	count(card_limits.obligations) == 1 with input as charge(1, "USD", "Book Depot")
}
