# want 5: this rule can never be true: false is never true; what follows is never reached
package ambit.owner.a

deny contains "switched off" if {
	false
	input.action.name == "mail.send"
}
