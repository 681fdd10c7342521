# want 6: "kv.reed" is not in the vocabulary of capabilities; did you mean "kv.read"?
package ambit.owner.a

deny contains "only reading" if {
	input.action.risk != "read"
	not input.action.name == "kv.reed"
}
