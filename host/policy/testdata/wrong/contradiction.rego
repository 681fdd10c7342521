# want 6: this rule can never be true: no value of input.action.name meets all its conditions
package ambit.owner.a

deny contains "both" if {
	input.action.name == "mail.send"
	input.action.name == "call.place"
}
