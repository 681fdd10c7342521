package ambit.lib.phone_test

import data.ambit.lib.phone

test_prefixes if {
	phone.begins_with(["+82", "+1"]) with input.resource.properties.number as "+14155550123"
	not phone.begins_with(["+82"]) with input.resource.properties.number as "+14155550123"
}

test_what_is_no_number_begins_with_nothing if {
	not phone.begins_with(["+"]) with input.resource.properties.number as "+1415;ext=900"
	not phone.begins_with(["0"]) with input.resource.properties.number as "0900123456"
	not phone.begins_with(["+"]) with input as {}
}

test_premium_numbers if {
	phone.costs_extra with input.resource.properties.number as "+19005550123"
	phone.costs_extra with input.resource.properties.number as "+82601234567"
	not phone.costs_extra with input.resource.properties.number as "+14155550123"
}
