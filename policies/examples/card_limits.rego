# METADATA
# title: Card limits
# description: |
#   Limits for whatever plugin charges a card: the vocabulary makes every plugin
#   state amount (in cents), currency and merchant under these names.
# scope: package
package ambit.owner.card_limits

import data.ambit.lib.labels

# The most that one charge may be, by currency. A currency that is missing here
# may not be charged at all.
ceiling := {"USD": 5000, "EUR": 5000}

banned_merchants := {"lucky casino", "mega lottery"}

deny contains {
	"message": sprintf("%v %s is above the ceiling of one charge", [
		input.resource.properties.amount,
		input.resource.properties.currency,
	]),
	"change": "raise the ceiling in card_limits.rego",
} if {
	input.action.name == "card.charge"
	not is_within_the_ceiling
}

is_within_the_ceiling if {
	is_number(input.resource.properties.amount)
	input.resource.properties.amount <= ceiling[input.resource.properties.currency]
}

deny contains sprintf("%s is not paid from this card", [input.resource.properties.merchant]) if {
	input.action.name == "card.charge"
	lower(input.resource.properties.merchant) in banned_merchants
}

# The base layer asks about every charge anyway; this tells the owner why to look
# twice.
ask contains "the session holds words of strangers, and one of them may have chosen the merchant" if {
	input.action.name == "card.charge"
	labels.has_read_strangers
}

# What may be spent in a day, all charges together, in the owner's zone.
obligations contains {"type": "budget", "params": {
	"limit": 10000,
	"unit": lower(input.resource.properties.currency),
	"window": "day",
	"by": "agent",
	"name": "cards",
}} if {
	input.action.name == "card.charge"
}
