# want 7: "card.change" is not in the vocabulary of capabilities; did you mean "card.charge"?
package ambit.owner.a

import data.ambit.lib.clock

deny contains "no charges at night" if {
	input.action.name == "card.change"
	clock.between("22:00", "07:00")
}
