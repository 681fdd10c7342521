# METADATA
# title: Telephone calls
# description: |
#   Nobody is rung up at night, and no call goes to a number that costs extra or
#   to a country that is not on the list. The hours are those of the owner's zone.
# scope: package
package ambit.owner.calls

import data.ambit.lib.clock
import data.ambit.lib.phone

# Where calls may go: the beginnings of numbers.
countries := {"+1", "+82"}

deny contains {
	"message": "nobody is called between 21:00 and 08:00",
	"change": "wait until the morning, or change the hours in calls.rego",
} if {
	input.action.name == "call.place"
	clock.between("21:00", "08:00")
}

deny contains sprintf("%v costs extra", [input.resource.properties.number]) if {
	input.action.name == "call.place"
	phone.costs_extra
}

deny contains {
	"message": sprintf("%v is not a number in %v", [input.resource.properties.number, countries]),
	"change": "add the country in calls.rego",
} if {
	input.action.name == "call.place"
	not phone.begins_with(countries)
}
