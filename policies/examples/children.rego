# METADATA
# title: Children's mode
# description: |
#   The agent talks, looks things up at a few sites and helps with homework, by
#   day. It spends nothing, writes to nobody, and reads no mail. Only the owner's
#   own commands are not touched.
# scope: package
package ambit.owner.children

import data.ambit.lib.clock
import data.ambit.lib.host

# Everything that is not here is left to grown-ups.
allowed := {
	"tool.call", "model.complete", "clock.read", "log.write", "kv.read", "kv.write", "memory.read", "memory.write",
	"file.read", "file.write", "code.run", "web.fetch", "web.search", "http.request", "message.send", "secret.use",
	"owner.speak", "host.kill", "webhook.receive",
}

# Where pages may come from, besides what plugins need for themselves.
sites := {".wikipedia.org", ".nasa.gov", "scratch.mit.edu"}

deny contains {
	"message": sprintf("%s is for grown-ups", [input.action.name]),
	"change": "the owner does it with ambit call, or removes children.rego",
} if {
	not input.action.name in allowed
	input.subject.type != "owner"
}

deny contains sprintf("%v is not one of the sites for children", [input.resource.properties.url]) if {
	input.action.name == "web.fetch"
	not leads_to_a_known_site
}

leads_to_a_known_site if {
	parts := split(input.resource.properties.url, "/")
	parts[0] == "https:"
	some site in sites
	host.matches(site, lower(parts[2]))
}

deny contains "it is bedtime" if {
	input.action.name == "model.complete"
	clock.between("20:00", "07:00")
	input.subject.type != "owner"
}
