# METADATA
# title: What the owner is asked
# description: |
#   What can't be undone is the owner's to decide: each time, unless an agent does
#   what the owner's own words in this conversation say, or the owner has said with
#   the grant that a use like this needs no word of theirs. The vocabulary's risk
#   counts even where a request states a lower one.
# scope: package
package ambit.base.risk

import data.ambit.base.flow

needs_the_owner if {
	input.action.risk == "irreversible"
	not the_owner_asks_for_it_here_and_now
	not the_owner_said_so
	not the_owner_said_so_with_the_grant
}

needs_the_owner if {
	input.facts.risk == "irreversible"
	not the_owner_asks_for_it_here_and_now
	not the_owner_said_so
	not the_owner_said_so_with_the_grant
}

# The gate says so: ambit grant --ask-over, or an approval that was made a grant.
the_owner_said_so_with_the_grant if input.context.grant.consents == true

# Who types the command has been asked already.
the_owner_asks_for_it_here_and_now if {
	input.subject.type == "owner"
	input.context.trigger == "call"
}

# The owner named everyone whom it reaches; where money moves, they also set a
# bound for the amount, because nobody can tell where a number came from.
the_owner_said_so if {
	an_agent_does_it
	flow.the_owner_named_who_gets_it
	not flow.moves_money
}

the_owner_said_so if {
	an_agent_does_it
	flow.the_owner_named_who_gets_it
	is_number(input.context.grant.scope.max_amount)
	input.context.grant.scope.max_amount >= 0
}

# Or the owner wrote what is said or set, and it goes to no strangers.
the_owner_said_so if {
	an_agent_does_it
	not flow.moves_money
	some a in input.context.arguments
	a.role == "content"
	flow.all_that_leaves_is_the_owners_text
	flow.all_destinations_stand_somewhere
}

# What is booked costs, and no argument says how much: the owner must have asked
# for a booking, and have named with whom, themselves.
the_owner_said_so if {
	an_agent_does_it
	input.action.name == "booking.make"
	input.context.asked_for
	every_destination_is_named
}

every_destination_is_named if {
	some d in input.context.arguments
	d.role == "destination"
	every a in input.context.arguments {
		is_named_or_no_destination(a)
	}
}

is_named_or_no_destination(a) if a.role != "destination"

is_named_or_no_destination(a) if a.owner_named

# "Delete the mail about the sale": what the owner called by its whole title, among
# their own things, and asked to delete.
the_owner_said_so if {
	an_agent_does_it
	input.action.name in {"calendar.write", "drive.write", "mail.change"}
	input.context.asked_for
	some d in input.context.arguments
	d.role == "destination"
	every a in input.context.arguments {
		is_called_by_its_title(a)
	}
}

is_called_by_its_title(a) if a.owner_named # its number itself, or a text

is_called_by_its_title(a) if {
	a.role == "destination"
	a.record_percent == 100
	not a.address
}

# Only a conversation has the owner's words.
an_agent_does_it if {
	input.subject.type == "agent"
	input.context.trigger == "message"
}

questions contains {
	"rule": "base.risk.irreversible",
	"message": sprintf("%s can't be undone, so the owner decides", [input.action.name]),
	"change": "ambit approvals list",
} if {
	needs_the_owner
}
