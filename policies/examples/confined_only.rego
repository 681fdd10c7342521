# METADATA
# title: Confined plugins only
# description: |
#   Where the system can't confine a plugin (no namespaces, no Landlock, another
#   operating system) the base layer lets it act all the same and says so in
#   ambit status. This refuses it, except for what can do no harm.
# scope: package
package ambit.owner.confined_only

harmless := {"clock.read", "log.write", "kv.read"}

deny contains {
	"message": sprintf("%s runs with isolation %q, not confined", [
		input.context.plugin.name,
		input.context.plugin.isolation,
	]),
	"change": "see ambit plugin show for what is missing, or remove confined_only.rego",
} if {
	input.context.plugin.isolation != "confined"
	not input.action.name in harmless
}
