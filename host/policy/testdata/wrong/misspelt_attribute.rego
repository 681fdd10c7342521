# want 6: input.resource.properties has no "amuont"; did you mean "amount"?
package ambit.owner.a

deny contains "too much" if {
	input.action.name == "card.charge"
	input.resource.properties.amuont > 5000
}
