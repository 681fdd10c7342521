package ambit.lib.money_test

import data.ambit.lib.money

price(amount, currency) := {"resource": {"properties": {"amount": amount, "currency": currency}}}

test_limits_hold_by_currency if {
	money.is_at_most({"USD": 5000}) with input as price(5000, "usd")
	not money.is_at_most({"USD": 5000}) with input as price(5001, "USD")
	not money.is_at_most({"USD": 5000}) with input as price(1, "EUR")
}

test_what_is_no_sum_is_within_no_limit if {
	not money.is_at_most({"USD": 5000}) with input as price("1", "USD")
	not money.is_at_most({"USD": 5000}) with input as price(-1, "USD")
	not money.is_at_most({"USD": 5000}) with input as {}
}

test_who_is_paid if {
	money.paid_to(["Book Depot"]) with input.resource.properties as {"merchant": " book depot"}
	money.paid_to({"Ann"}) with input.resource.properties as {"payee": "ann"}
	not money.paid_to(["Book Depot"]) with input.resource.properties as {"merchant": "Book Depot Ltd"}
}
