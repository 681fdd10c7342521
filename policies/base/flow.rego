# METADATA
# title: Where things go, and where they came from
# description: |
#   The host says for each string that goes out or is changed where its content
#   appeared in what the session has read (input.context.arguments). These rules
#   ask the owner where strangers may have had a hand in it, and where what is
#   private would leave. A destination that the owner named is the owner's; nothing
#   else that a session reads is.
#
#   Requests without arguments (reads that carry nothing, and what the owner does
#   on the command line) are not touched.
# scope: package
package ambit.base.flow

# needs_the_owner is asked first and only of requests that have arguments.
needs_the_owner if {
	input.context.arguments[0]
	input.subject.type != "owner"
	count(questions) > 0
}

questions_asked contains question if {
	needs_the_owner
	some question in questions
}

# Everyone whom it reaches was named by the owner, in their own words: then what
# leaves goes where they sent it.
the_owner_named_who_gets_it if {
	some d in input.context.arguments
	d.role == "destination"
	every a in input.context.arguments {
		is_named_or_no_destination(a)
	}
}

is_named_or_no_destination(a) if a.role != "destination"

is_named_or_no_destination(a) if a.owner_named

is_named_or_no_destination(a) if stands_where_the_name_was_looked_up(a)

# "Write to Ann": her address was found under the name that the owner gave, in a
# list that strangers can't write to, or stands beside that name there.
stands_where_the_name_was_looked_up(a) if {
	some s in a.sources
	s.whole
	not s.kind in {"owner", "agent"}
	is_the_one_the_owner_meant(s)
	not "untrusted" in object.get(s, "labels", [])
}

is_the_one_the_owner_meant(s) if "pointed" in object.get(s, "labels", [])

is_the_one_the_owner_meant(s) if s.record_percent >= 50

# The owner's own words, or nearly: a model changes "you have" to "I have".
is_the_owners_text(a) if a.owner_named

is_the_owners_text(a) if a.owner_percent >= 60

all_that_leaves_is_the_owners_text if {
	every a in input.context.arguments {
		is_the_owners_or_no_content(a)
	}
}

is_the_owners_or_no_content(a) if a.role != "content"

is_the_owners_or_no_content(a) if is_the_owners_text(a)

# Somebody said where: an address that stands nowhere is the model's own.
all_destinations_stand_somewhere if {
	every a in input.context.arguments {
		stands_somewhere_or_no_destination(a)
	}
}

stands_somewhere_or_no_destination(a) if a.role != "destination"

stands_somewhere_or_no_destination(a) if stands_somewhere(a)

# Destinations and links.

may_be_a_strangers_choice(a) if {
	a.role in {"destination", "link"}
	input.action.risk != "read"
	"untrusted" in a.labels
	not a.owner_named
	not stands_in_trusted_text(a)
	not is_a_name_the_service_knows(a)
	not stands_where_the_owner_pointed(a)
}

# An address that stands nowhere is the model's own: made up, or put together from
# what it was told.
is_nobodys_address(a) if {
	a.role in {"destination", "link"}
	a.address
	input.action.risk != "read"
	input.subject.type == "agent"
	not "untrusted" in object.get(a, "labels", [])
	not a.owner_named
	not stands_somewhere(a)
}

# What a sub-agent reports is a model's own word, as what the agent itself says.
stands_somewhere(a) if {
	some s in a.sources
	s.whole
	s.kind != "agent"
}

# Text that nobody but the owner and the service itself wrote: a schedule, the
# list of contacts.
stands_in_trusted_text(a) if {
	some s in a.sources
	s.whole
	not s.kind in {"owner", "agent"} # the owner's counts only as owner_named
	not "untrusted" in object.get(s, "labels", [])
}

# Messages and places within a service go by names, and a name leads to those
# whom the account knows already. An address leads anywhere, and for money a name
# is one.
is_a_name_the_service_knows(a) if {
	a.role == "destination"
	not a.address
	goes_by_names
	some s in a.sources
	s.whole
}

goes_by_names if input.action.name in {"social.message", "access.change", "calendar.write", "drive.write", "mail.change"}

# "Invite Ann, her address is on her page": the owner named the page, or the file,
# and one of those whom it is about.
stands_where_the_owner_pointed(a) if {
	a.role == "destination"
	not moves_money
	some s in a.sources
	s.whole
	"document" in object.get(s, "labels", [])
	some other in input.context.arguments
	other.role == "destination"
	other.name != a.name
	other.owner_named
}

moves_money if input.action.name in {"card.charge", "card.issue", "payment.send", "payment.schedule", "booking.make"}

# What leaves.

leaves(a) if {
	a.role == "content"
	someone_else_gets_it
}

# A content goes out when there is somewhere for it to go.
someone_else_gets_it if there_is_a_destination

there_is_a_destination if {
	some a in input.context.arguments
	a.role == "destination"
}

someone_else_gets_it if input.action.name in {"web.search", "http.request"}

is_private(a) if "private" in a.labels

# On a read only what was found counts: what is nowhere to be found has the labels
# of all that was read, and every search would ask.
may_carry_private_text_away(a) if {
	leaves(a)
	is_private(a)
	not is_the_owners_text(a)
	not the_owner_named_its_readers
	counts_on_this_risk(a)
}

# A public place with a name such as "general" is said easily, and not as a word
# about what is private; an address is not.
the_owner_named_its_readers if {
	the_owner_named_who_gets_it
	not it_is_posted_at_a_mere_name
}

it_is_posted_at_a_mere_name if {
	input.action.name == "social.post"
	some a in input.context.arguments
	a.role == "destination"
	not a.address
}

counts_on_this_risk(_) if input.action.risk != "read"

counts_on_this_risk(a) if a.match != "none"

# An address that is put together may be made so that it tells something.
counts_on_this_risk(a) if {
	a.from != ""
	there_is_a_destination
}

questions contains {
	"rule": "base.flow.strangers_destination",
	"message": sprintf("%s %q was not named by you and may be the choice of %s%s", [noun(a), a.text, from(a), says(a)]),
	"change": "name it yourself in a message, or answer this: ambit approvals list",
} if {
	some a in input.context.arguments
	may_be_a_strangers_choice(a)
}

questions contains {
	"rule": "base.flow.nobodys_address",
	"message": sprintf("%s %q stands nowhere in what this conversation has read", [noun(a), a.text]),
	"change": "name it yourself in a message, or answer this: ambit approvals list",
} if {
	some a in input.context.arguments
	is_nobodys_address(a)
}

questions contains {
	"rule": "base.flow.private_and_strangers",
	"message": sprintf("%q would leave; this conversation has read private text, and text of strangers: %s%s", [
		a.text, from(a), says(a),
	]),
	"change": "name who may get it in a message, or answer this: ambit approvals list",
} if {
	some a in input.context.arguments
	may_carry_private_text_away(a)
	"untrusted" in a.labels
}

questions contains {
	"rule": "base.flow.private_text",
	"message": sprintf("%q would leave, and is or may be made of private text", [a.text]),
	"change": "name who may get it in a message, or answer this: ambit approvals list",
} if {
	some a in input.context.arguments
	may_carry_private_text_away(a)
	not "untrusted" in object.get(a, "labels", [])
}

questions contains {
	"rule": "base.flow.secret",
	"message": sprintf("%s holds what looks like a password, a key or a code", [a.name]),
	"change": "write it yourself in a message if it has to go there, or answer this: ambit approvals list",
} if {
	some a in input.context.arguments
	leaves(a)
	a.secret
	not a.owner_named
}

questions contains {
	"rule": "base.flow.hidden_private_text",
	"message": sprintf("%s holds private text in an encoded form", [a.name]),
	"change": "answer this: ambit approvals list",
} if {
	some a in input.context.arguments
	leaves(a)
	a.match == "decoded"
	is_private(a)
	not a.owner_named
}

questions contains {
	"rule": "base.flow.illegible",
	"message": sprintf("%s can't be read by a person: %s", [a.name, object.get(a, "illegible", "it looks encoded")]),
	"change": "say it in plain words, or answer this: ambit approvals list",
} if {
	input.action.name in {"social.post", "social.message", "message.send"}
	some a in input.context.arguments
	a.role == "content"
	a.legible == false
	not a.owner_named
}

noun(a) := sprintf("the address in %s,", [a.name]) if a.role == "link"

noun(a) := a.name if a.role != "link"

from(a) := object.get(a, "from", "someone else")

says(a) := sprintf(", which says %q", [a.sentence]) if a.sentence

says(a) := "" if not a.sentence
