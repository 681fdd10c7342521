# METADATA
# title: To start with
# description: |
#   Your own rules. They can only narrow what grants and the base allow: deny, ask
#   and oblige. Change them at will; they count as soon as the file is saved, and
#   a file with a mistake leaves the last good ones in force (ambit policy check).
#   More to copy: policies/examples in Ambit's source.
# scope: package
package ambit.owner.starter

import data.ambit.lib.clock
import data.ambit.lib.risk

# Whoever has not been here for two days can't be asked in time.
deny contains "nothing that can't be undone while I have been away for two days" if {
	risk.can_not_be_undone
	clock.the_owner_has_been_away_for(2)
}

# At night other people are not written to or called without a question.
ask contains "it is night" if {
	risk.speaks_to_others
	clock.between("22:00", "07:00")
}
