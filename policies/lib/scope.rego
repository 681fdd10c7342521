# METADATA
# title: Scopes
# description: |
#   The matcher of grants, for owners' rules: a rule can state a limit in the
#   words of a grant.
#
#     deny contains "weather may only read its own host" if {
#         input.context.plugin.name == "weather"
#         input.action.name == "http.request"
#         not scope.covers({"hosts": ["api.open-meteo.com"]})
#     }
#
#   A key that a scope leaves out stands for the vocabulary's default.
# scope: package
package ambit.lib.scope

import data.ambit.lib.host
import data.ambit.vocabulary

# covers tells whether a scope admits the request. An unknown key admits nothing.
covers(scope) if {
	keys := vocabulary.capabilities[input.action.name].scope
	every name, _ in scope {
		keys[name]
	}
	every name, key in keys {
		admits(key, scope, name)
	}
}

admits(key, scope, name) if {
	key.match == "max"
	not name in object.keys(scope)
}

admits(key, scope, name) if {
	key.match == "max"
	is_number(scope[name])
	is_number(input.resource.properties[key.attribute])
	input.resource.properties[key.attribute] >= 0
	input.resource.properties[key.attribute] <= scope[name]
}

# Resolved addresses are the base layer's to check.
admits(key, scope, name) if {
	key.match == "address"
	is_list(object.get(scope, name, key.default))
}

admits(key, scope, name) if {
	not key.match in {"max", "address", "host"}
	allowed := object.get(scope, name, key.default)
	is_list(allowed)
	"*" in allowed
}

admits(key, scope, name) if {
	not key.match in {"max", "address"}
	allowed := object.get(scope, name, key.default)
	is_list(allowed)
	every value in values(key.attribute) {
		some entry in allowed
		matches(key.match, entry, value)
	}
}

values(attribute) := [input.resource.properties[attribute]] if is_string(input.resource.properties[attribute])

values(attribute) := input.resource.properties[attribute] if is_array(input.resource.properties[attribute])

is_list(x) if is_array(x)

is_list(x) if is_set(x)

matches("exact", entry, value) if entry == value

matches("prefix", entry, value) if startswith(value, entry)

matches("host", entry, value) if host.matches(entry, value)

matches("path", ".", _)

matches("path", entry, value) if value == trim_suffix(entry, "/")

matches("path", entry, value) if {
	endswith(entry, "/")
	startswith(value, entry)
}
