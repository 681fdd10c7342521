package capability

import (
	"maps"
	"slices"
)

var (
	vocabulary = index(hostPowers(), agentPowers(), domainPowers())
	names      = slices.Sorted(maps.Keys(vocabulary))
)

func index(lists ...[]Capability) map[string]Capability {
	m := map[string]Capability{}
	for _, list := range lists {
		for _, c := range list {
			c.Words = words[c.Name]
			m[c.Name] = c
		}
	}
	return m
}

func allow(name, attribute string, m Match, doc string, def ...string) ScopeKey {
	return ScopeKey{Name: name, Attribute: attribute, Match: m, Default: def, Doc: doc}
}

func atMost(attribute, doc string) ScopeKey {
	return ScopeKey{Name: "max_" + attribute, Attribute: attribute, Match: MatchMax, Doc: doc}
}

func required(name, typ, doc string) Attribute {
	return Attribute{Name: name, Type: typ, Required: true, Doc: doc}
}

// where is a required attribute that says who or what is reached, text one that
// says what gets there.
func where(name, typ, doc string) Attribute {
	return Attribute{Name: name, Type: typ, Required: true, Role: Destination, Doc: doc}
}

func text(name, doc string) Attribute {
	return Attribute{Name: name, Type: "string", Required: true, Role: Content, Doc: doc}
}

func optional(name, typ, doc string) Attribute { return Attribute{Name: name, Type: typ, Doc: doc} }

// hostPowers are the effects that the host itself performs outside and for plugins.
func hostPowers() []Capability {
	hosts := allow("hosts", "authority", MatchHost, `authorities: exact ("api.example.org", "127.0.0.1:8080"), a leading dot for every name below, "*" for any on its default port`)
	return []Capability{
		{Name: "http.request", Risk: Read, Doc: "Send one HTTP request; each redirect is a request of its own. GET and HEAD are reads, every other method is a write.",
			Attributes: []Attribute{
				required("method", "string", "upper case"), required("scheme", "string", "http or https"),
				required("authority", "string", "host in lower case, with the port unless it is the scheme's own"),
				required("path", "string", "path without query"), optional("query_bytes", "integer", "length of the query string"),
				optional("body_bytes", "integer", "length of the body when known"),
				optional("addresses", "strings", "resolved addresses; absent before resolution"),
				optional("special_addresses", "strings", "those that are private, loopback, link-local, multicast or otherwise not public"),
				optional("secrets", "strings", "names of the secrets the host injects"),
				optional("hop", "integer", "0 for the first request, then one more for each redirect"),
			},
			Scope: []ScopeKey{hosts,
				allow("methods", "method", MatchExact, "HTTP methods", "GET", "HEAD"),
				allow("schemes", "scheme", MatchExact, "URL schemes", "https"),
				allow("paths", "path", MatchPrefix, "path prefixes", Any),
				allow("addresses", "special_addresses", MatchAddress, "addresses or CIDR ranges that are not public and still allowed"),
			}},
		{Name: "net.dial", Risk: Write, Doc: "Open a TLS or TCP connection to a granted host and port.",
			Attributes: []Attribute{required("authority", "string", "host:port"), required("tls", "boolean", ""), optional("special_addresses", "strings", "resolved addresses that are not public")},
			Scope:      []ScopeKey{hosts, allow("addresses", "special_addresses", MatchAddress, "not public and still allowed")}},
		{Name: "kv.read", Risk: Read, Doc: "Read the plugin's own key-value store.", Attributes: keyAttrs(), Scope: keyScope()},
		{Name: "kv.write", Risk: Write, Doc: "Write or delete in the plugin's own key-value store.", Attributes: keyAttrs(), Scope: keyScope()},
		{Name: "secret.use", Risk: Read, Doc: "Have the host put a secret into a request. The plugin names it and never sees it.",
			Attributes: []Attribute{required("name", "string", "the secret's name"), required("authority", "string", "where it is sent"), required("place", "string", "header, query, path, body or signature")},
			Scope:      []ScopeKey{allow("names", "name", MatchExact, "secret names"), hosts}},
		{Name: "secret.store", Risk: Write, Doc: "Have the host keep a key that a server hands out as a new secret. The plugin says where in the answer it stands and never sees it; a secret that there is already is not replaced.",
			Attributes: []Attribute{required("name", "string", "the secret's name"), required("authority", "string", "who hands it out")},
			Scope:      []ScopeKey{allow("names", "name", MatchExact, "secret names"), allow("from", "authority", MatchHost, `authorities, as hosts of http.request`)}},
		{Name: "file.read", Risk: Read, Doc: "Read a file of the agent's workspace.", Attributes: pathAttrs(), Scope: pathScope()},
		{Name: "file.write", Risk: Write, Doc: "Write or remove a file of the agent's workspace.", Attributes: pathAttrs(), Scope: pathScope()},
		{Name: "schedule.read", Risk: Read, Doc: "Read the schedules that the plugin made for the agent."},
		{Name: "schedule.create", Risk: Write, Doc: "Wake the agent later.", Attributes: []Attribute{required("kind", "string", "at, every or cron"), optional("every_seconds", "integer", "shortest time between two runs; absent if there is one run")}, Scope: []ScopeKey{allow("kinds", "kind", MatchExact, "at, every, cron", Any)}},
		{Name: "schedule.cancel", Risk: Write, Doc: "Cancel a schedule.", Attributes: []Attribute{required("id", "string", "")}},
		{Name: "message.send", Risk: Write, Doc: "Send a message to the owner or a paired contact.",
			Attributes: []Attribute{where("to", "string", `"owner" or a paired contact`), optional("channel", "string", ""), optional("bytes", "integer", "length of the text")},
			Scope:      []ScopeKey{allow("to", "to", MatchExact, "recipients", "owner")}},
		{Name: "webhook.receive", Risk: Read, Doc: "Read webhooks that reach the host's listener. The host verifies each with the named secret before the plugin sees a byte of it.",
			Attributes: []Attribute{required("name", "string", "the secret that signed it"), required("bytes", "integer", "length of the body")},
			Scope:      []ScopeKey{allow("names", "name", MatchExact, "secret names"), atMost("bytes", "length of a body")}},
	}
}

// agentPowers are those that the host performs with its agents and with itself.
func agentPowers() []Capability {
	return []Capability{
		{Name: "model.complete", Risk: Read, Doc: "Have a language model continue a conversation.",
			Attributes: []Attribute{required("model", "string", "model name as the provider knows it"), optional("max_tokens", "integer", ""),
				optional("amount", "integer", "what it is expected to cost in minor units, if the owner configured a price"), optional("currency", "string", "of the amount, ISO 4217")},
			Scope: []ScopeKey{allow("models", "model", MatchExact, "model names", Any), atMost("max_tokens", "tokens in one answer")}},
		{Name: "tool.call", Risk: Read, Doc: "Call a tool. What the tool then does are effects of their own.",
			Attributes: []Attribute{required("tool", "string", "plugin/tool")},
			Scope:      []ScopeKey{allow("tools", "tool", MatchExact, "plugin/tool names")}},
		{Name: "agent.run", Risk: Write, Doc: "Set a sub-agent to work: the same agent in a conversation of its own, with the tools and capabilities that are named and never more than the turn that asks has. Its effects are effects of their own.",
			Attributes: []Attribute{required("tools", "strings", "plugin/tool names that it may call"), required("capabilities", "strings", "what it and the plugins of its tools may use"),
				required("depth", "integer", "1: set to work by the agent itself; 2: by a sub-agent"), optional("tokens", "integer", "at most, of what the turn has left; absent: a share of it")},
			Scope: []ScopeKey{allow("tools", "tools", MatchExact, "plugin/tool names", Any), allow("capabilities", "capabilities", MatchExact, "names of capabilities", Any),
				atMost("depth", "how deep"), atMost("tokens", "tokens of one sub-agent")}},
		{Name: "skill.read", Risk: Read, Doc: "Read a skill that the owner added: its instructions, or another file of it. What a skill brings along is text and never run.",
			Attributes: []Attribute{required("skill", "string", "its name"), optional("path", "string", "a file of it; absent: SKILL.md")},
			Scope:      []ScopeKey{allow("skills", "skill", MatchExact, "names of skills", Any)}},
		{Name: "clock.read", Risk: Read, Doc: "Read the time, the owner's zone, and when the owner was last present."},
		{Name: "log.write", Risk: Read, Doc: "Write a line to the host's log.", Attributes: []Attribute{required("level", "string", "")}},
		{Name: "audit.read", Risk: Read, Doc: "Read the audit log."},
		{Name: "host.revoke", Risk: Control, Doc: "Take grants back.", Attributes: []Attribute{required("target", "string", "plugin, or plugin/capability")}, Scope: []ScopeKey{allow("targets", "target", MatchExact, "what may be revoked")}},
		{Name: "host.kill", Risk: Control, Doc: "Pull the kill switch.", Attributes: []Attribute{required("target", "string", `"all", "agent:NAME", "plugin:NAME"`)}, Scope: []ScopeKey{allow("targets", "target", MatchExact, "what may be killed")}},
		{Name: "owner.speak", Risk: Control, Doc: "Messages from this channel's paired owner count as the owner's words."},
		{Name: "owner.approve", Risk: Control, Doc: "Answer approvals for the owner, from a channel, up to the ceiling. What is about Ambit itself no channel answers.",
			Attributes: []Attribute{required("capability", "string", "what the approval is for"), required("amount", "integer", "minor units that would be approved; 0 where no money moves, and to decline"), required("currency", "string", "ISO 4217; XXX where no money moves")},
			Scope: []ScopeKey{atMost("amount", "ceiling in minor units"), allow("currencies", "currency", MatchExact, "ISO 4217; XXX is what moves no money", Any),
				allow("capabilities", "capability", MatchExact, "what may be approved", Any)}},
	}
}

func keyAttrs() []Attribute { return []Attribute{required("key", "string", "")} }
func keyScope() []ScopeKey {
	return []ScopeKey{allow("keys", "key", MatchPrefix, "key prefixes", Any)}
}
func pathAttrs() []Attribute {
	return []Attribute{required("path", "string", "slash-separated, relative to the workspace, clean"), optional("bytes", "integer", "length of what is written")}
}
func pathScope() []ScopeKey {
	return []ScopeKey{allow("paths", "path", MatchPath, `files, folders ("notes/"), or "." for the whole workspace`)}
}
