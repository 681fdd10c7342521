package ambit.lib.labels_test

import data.ambit.lib.labels

test_labels if {
	labels.has_read_strangers with input.context.labels as ["owner", "untrusted"]
	not labels.has_read_strangers with input.context.labels as ["owner"]
	not labels.has_read_strangers with input.context as {}
	labels.holds_private_matters with input.context.labels as ["private"]
	labels.carries("mail") with input.context.labels as ["mail"]
}
