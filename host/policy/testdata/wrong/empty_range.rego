# want 6: this rule can never be true: input.resource.properties.amount can't be above 5000 and below 100
package ambit.owner.a

deny contains "nothing is both" if {
	input.resource.properties.amount > 5000
	input.resource.properties.amount < 100
}
