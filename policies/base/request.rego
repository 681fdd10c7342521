# METADATA
# title: What a request must be
# description: |
#   Refuses what the base layer does not know: subjects, capabilities, risks.
#   input.facts comes from the engine, which computes it for each request.
# scope: package
package ambit.base.request

is_incomplete if input.subject.id == ""

the_subject_is_known if {
	input.subject.type in {"agent", "plugin", "owner"}
	input.subject.id != ""
}

refusals contains {
	"rule": "base.request.subject",
	"message": sprintf("%q (%q) is no subject that policy knows: agent, plugin or owner, with an id", [
		input.subject.type,
		input.subject.id,
	]),
	"change": "nothing can change it; report a defect of the host",
} if {
	not the_subject_is_known
}

refusals contains {
	"rule": "base.request.capability",
	"message": sprintf("%q is not in the vocabulary of capabilities", [input.action.name]),
	"change": "ask the plugin's author to use a capability of the vocabulary",
} if {
	not input.facts.known
}

refusals contains {
	"rule": "base.request.risk",
	"message": sprintf("%q is no risk that policy knows: read, write, irreversible or control", [input.action.risk]),
	"change": "nothing can change it; report a defect of the host",
} if {
	not input.action.risk in {"read", "write", "irreversible", "control"}
}
