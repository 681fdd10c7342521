# want 6: this rule can never be true: too_late never is
package ambit.owner.a

deny contains "late" if {
	input.action.name == "mail.send"
	too_late
}

too_late if 1 > 2
