# METADATA
# title: While I am away
# description: |
#   When the owner has not been seen for two days, nothing happens that can't be
#   undone: neither money nor mail nor calls, not even with an old approval.
# scope: package
package ambit.owner.away

import data.ambit.lib.clock
import data.ambit.lib.risk

deny contains {
	"message": "the owner has not been here for two days, so nothing happens that can't be undone",
	"change": "the owner's next word, by chat or command, lifts it",
} if {
	risk.can_not_be_undone
	clock.the_owner_has_been_away_for(2)
}
