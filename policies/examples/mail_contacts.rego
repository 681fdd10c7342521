# METADATA
# title: Mail to people I know
# description: |
#   Mail and messages go only to people I have written to before. Their addresses
#   are in contacts.yaml beside this file, one a line; without that file nobody is
#   known and nothing is sent.
# scope: package
package ambit.owner.mail_contacts

import data.ambit.lib.people
import data.ambit.owner.lists

deny contains {
	"message": sprintf("not everyone in %v is someone I have written to", [people.recipients]),
	"change": "write to them yourself once, and add the address to contacts.yaml",
} if {
	input.action.name in {"mail.send", "social.message"}
	not people.are_all_among(lists.contacts)
}
