# METADATA
# title: Telephone numbers
# description: |
#   Numbers are in E.164, as the vocabulary has them ("+14155550123"). One that is
#   not begins with nothing, so that a list of what is allowed does not hold for it.
# scope: package
# related_resources:
#   - https://www.itu.int/rec/T-REC-E.164
package ambit.lib.phone

# begins_with tells whether the number begins with one of these prefixes.
begins_with(prefixes) if {
	is_a_number
	some prefix in prefixes
	startswith(input.resource.properties.number, prefix)
}

is_a_number if regex.match(`^\+[1-9][0-9]{6,14}$`, input.resource.properties.number)

# costs_extra tells whether the number is of a range in which the caller pays
# whoever answers. The list holds common ranges and is not complete: to be sure,
# allow the prefixes you want.
costs_extra if begins_with(premium)

premium := {
	"+979", # international premium rate
	"+1900", "+1976", # North America
	"+449", "+44871", "+44872", "+44873", # United Kingdom
	"+3389", # France
	"+49900", "+49137", # Germany
	"+34803", "+34806", "+34807", # Spain
	"+39899", "+39892", # Italy
	"+31900", "+31906", "+31909", # Netherlands
	"+41900", "+41901", "+41906", # Switzerland
	"+43900", "+43901", "+43930", # Austria
	"+8260", # Korea
	"+81990", # Japan
	"+61190", # Australia
}
