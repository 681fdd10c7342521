# METADATA
# title: Money
# description: |
#   Amounts are whole numbers in minor units (cents); a currency that a limit does
#   not name is not within it.
# scope: package
package ambit.lib.money

# is_at_most tells whether the sum is within limits by currency:
# is_at_most({"USD": 5000}). A sum that is not stated, or below zero, is not.
is_at_most(limits) if {
	is_number(input.resource.properties.amount)
	input.resource.properties.amount >= 0
	input.resource.properties.amount <= limits[upper(input.resource.properties.currency)]
}

# paid_to tells whether who is paid is one of these names, whatever the capitals.
paid_to(names) if {
	some name in names
	lower(name) == lower(trim_space(who_is_paid))
}

who_is_paid := input.resource.properties.merchant

who_is_paid := input.resource.properties.payee if not input.resource.properties.merchant
