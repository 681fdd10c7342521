# want 4: no request has input.context.plugin.isolation "none"; known: confined, partial, process
package ambit.owner.a

deny contains "unconfined" if input.context.plugin.isolation == "none"
