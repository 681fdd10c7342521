# METADATA
# title: Nothing private in public
# description: |
#   What is posted in public never mentions what is private: no post is written
#   where private matters were read, and none holds one of the words in
#   private_words.yaml (names, places, projects; one a line).
# scope: package
package ambit.owner.private_posts

import data.ambit.lib.labels
import data.ambit.owner.lists

deny contains {
	"message": "this conversation has read private matters, so nothing of it is posted in public",
	"change": "start a new conversation for the post: ambit chat --session NAME",
} if {
	input.action.name == "social.post"
	labels.holds_private_matters
}

deny contains {
	"message": sprintf("the post mentions %q, which is private", [word]),
	"change": "leave it out, or remove the word from private_words.yaml",
} if {
	input.action.name == "social.post"
	some word in lists.private_words
	contains(lower(input.resource.properties.text), lower(word))
}
