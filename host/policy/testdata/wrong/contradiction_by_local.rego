# want 7: this rule can never be true: no value of input.context.agent meets all its conditions
package ambit.owner.a

deny contains "both" if {
	who := input.context.agent
	who == "main"
	not who in {"main", "other"}
}
