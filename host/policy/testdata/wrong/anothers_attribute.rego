# want 6: this rule can never be true: card.charge has no attribute "payee"; attributes: amount, currency, merchant
package ambit.owner.a

deny contains "not him" if {
	input.action.name == "card.charge"
	input.resource.properties.payee == "Mallory"
}
