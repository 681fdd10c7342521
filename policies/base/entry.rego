# METADATA
# title: The decision
# description: |
#   Puts the themes of the base layer and the layers of the organisation and the
#   owner together. Deny beats ask beats allow, and nothing said means deny.
#   The layers (data.ambit.layers) are collected by the engine from the files it
#   was given; they can add denials, questions and obligations and nothing else.
# scope: package
# custom:
#   entrypoint: data.ambit.base.decision
package ambit.base

import data.ambit.base.flow
import data.ambit.base.grants
import data.ambit.base.host_powers
import data.ambit.base.network
import data.ambit.base.request
import data.ambit.base.risk
import data.ambit.layers

default decision := {"verdict": "deny"}

# The common case comes first and is the cheapest: the base admits it and no
# layer has a word on it.
decision := {"verdict": "allow"} if {
	admitted
	not risk.needs_the_owner
	not flow.needs_the_owner
	not layers.have_a_word
} else := {"verdict": "deny", "reasons": refusals} if {
	refused
} else := {
	"verdict": "ask",
	"reasons": questions,
	"obligations": ({{"type": "approve"}} | layers.obligations),
} if {
	someone_asks
} else := {"verdict": "allow", "obligations": layers.obligations} if {
	admitted
}

# Every theme has to agree, in this order; the first that does not ends the
# matter.
admitted if {
	input.facts.required == true # by the plugin's manifest
	input.facts.granted == true # by the owner
	input.subject.type in {"agent", "plugin", "owner"}
	input.action.risk in {"read", "write", "irreversible", "control"}
	not request.is_incomplete
	not grants.are_void
	not network.leads_where_it_may_not
	not host_powers.are_used_unnamed
}

refused if not admitted

refused if count(layers.deny) > 0

someone_asks if risk.needs_the_owner

someone_asks if flow.needs_the_owner

someone_asks if count(layers.ask) > 0

# refusals says all that stands in the way, so that nobody has to lift one
# obstacle to learn of the next; the most basic first.
refusals := [refusal |
	some theme in [request.refusals, grants.refusals, network.refusals, host_powers.refusals, layers.deny]
	some refusal in theme
]

questions := [question |
	some theme in [flow.questions_asked, risk.questions, layers.ask]
	some question in theme
]
