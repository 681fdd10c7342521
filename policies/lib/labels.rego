# METADATA
# title: Labels
# description: Where the information in this session came from.
# scope: package
package ambit.lib.labels

carries(label) if label in input.context.labels

# has_read_strangers tells whether the session holds words that neither the owner
# nor the host wrote.
has_read_strangers if carries("untrusted")

holds_private_matters if carries("private")
