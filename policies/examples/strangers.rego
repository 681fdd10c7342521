# METADATA
# title: Careful with strangers
# description: |
#   The base layer asks before something goes where a stranger wants it, and before
#   private text leaves. This file asks earlier: before an agent follows a link that
#   only strangers gave, and before it changes anything when nothing in the change
#   is the owner's. It is for agents that read mail, chats and pages and may act;
#   one that researches the web all day would ask too often.
package ambit.owner.strangers

import data.ambit.lib.labels

ask contains {
	"message": sprintf("%q is a link that you did not give; it may be the choice of %s", [a.text, object.get(a, "from", "nobody")]),
	"change": "give the link yourself, or name the place of yours where it stands",
} if {
	input.action.risk == "read"
	labels.has_read_strangers
	some a in input.context.arguments
	a.role == "destination"
	a.address
	not a.owner_named
	not stands_in_trusted_text(a)
	not stands_in_a_place_of_the_owners(a)
}

ask contains {
	"message": "this conversation has read strangers, and nothing in this change is your word",
	"change": "say in a message what is to be changed",
} if {
	input.action.risk != "read"
	labels.has_read_strangers
	input.context.arguments[0]
	not it_moves_what_is_kept
	every a in input.context.arguments {
		is_nobodys(a)
	}
}

ask contains {
	"message": "this conversation has read strangers, and you did not ask for this kind of change",
	"change": "say in a message what is to be done",
} if {
	input.action.risk != "read"
	input.subject.type == "agent"
	labels.has_read_strangers
	not input.context.arguments[0]
	not input.context.asked_for
	not input.context.grant.scope.max_amount # numbers alone: the bound holds them
}

ask contains {
	"message": sprintf("you did not ask for this kind of change, and %s is not your text", [a.name]),
	"change": "say in a message what is to be done",
} if {
	input.action.risk != "read"
	input.subject.type == "agent"
	labels.has_read_strangers
	not input.context.asked_for
	some a in input.context.arguments
	a.role == "content"
	not is_the_owners_text(a)
	not stands_in_trusted_text(a)
}

# Moving or filing what the owner spoke of by its title, in their own calendar,
# drive or mailbox.
it_moves_what_is_kept if {
	input.action.name in {"calendar.write", "drive.write", "mail.change"}
	every a in input.context.arguments {
		is_kept_or_no_word(a)
	}
}

is_kept_or_no_word(a) if a.role == ""

is_kept_or_no_word(a) if {
	a.role == "destination"
	not a.address
	a.record_percent >= enough[input.action.risk]
}

# Deleting the wrong one of two takes more than moving it.
enough := {"write": 60, "irreversible": 100}

is_nobodys(a) if {
	not is_the_owners_text(a)
	not stands_in_trusted_text(a)
	not stands_in_a_document_the_owner_named(a)
}

is_the_owners_text(a) if a.owner_named

is_the_owners_text(a) if a.owner_percent >= 60

stands_in_trusted_text(a) if {
	some s in a.sources
	s.whole
	s.kind != "owner"
	not "untrusted" in object.get(s, "labels", [])
}

# "Update my account by that file." What the agent remembers later turns obey: that
# takes the owner's own word.
stands_in_a_document_the_owner_named(a) if {
	input.context.asked_for
	input.action.name != "memory.write"
	some s in a.sources
	s.whole
	"document" in object.get(s, "labels", [])
}

# "The article that Ann posted in our channel": the owner named the channel, and
# what is in it is theirs to read. A page of the web is nobody's place.
stands_in_a_place_of_the_owners(a) if {
	some s in a.sources
	s.whole
	"pointed" in object.get(s, "labels", [])
	"private" in object.get(s, "labels", [])
}
