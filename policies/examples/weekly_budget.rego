# METADATA
# title: A budget for the week
# description: |
#   What an agent may spend in a week, by card and by transfer together, and how
#   often it may ring the same number in a day. The gate adds up; a rule only
#   says what counts and how much there is.
# scope: package
package ambit.owner.weekly_budget

obligations contains {"type": "budget", "params": {
	"limit": 20000,
	"unit": "usd",
	"window": "week",
	"by": "agent",
}} if {
	input.action.name in {"card.charge", "payment.send"}
}

obligations contains {"type": "budget", "params": {
	"name": "calls",
	"limit": 3,
	"unit": "count",
	"window": "day",
	"by": "recipient",
}} if {
	input.action.name == "call.place"
}
