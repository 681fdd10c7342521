package ambit.base.host_powers_test

import data.ambit.base.host_powers

use(name, properties, scope) := {
	"subject": {"type": "plugin", "id": "watchdog"},
	"action": {"name": name, "risk": "control"},
	"resource": {"properties": properties},
	"context": {"plugin": {"name": "watchdog"}, "grant": {"id": "g1", "scope": scope}},
	"facts": {"known": true, "risk": "control"},
}

refused(request) := rules if {
	rules := {r.rule | some r in host_powers.refusals} with input as request
	rules == set()
	not host_powers.are_used_unnamed with input as request
}

refused(request) := rules if {
	rules := {r.rule | some r in host_powers.refusals} with input as request
	rules != set()
	host_powers.are_used_unnamed with input as request
}

test_a_named_target_may_be_killed if {
	refused(use("host.kill", {"target": "plugin:mail"}, {"targets": ["plugin:mail"]})) == set()
	refused(use("host.revoke", {"target": "mail"}, {"targets": ["mail"]})) == set()
}

test_a_wildcard_is_no_name if {
	every name in ["host.kill", "host.revoke"] {
		refused(use(name, {"target": "all"}, {"targets": ["*"]})) == {"base.host_powers.target"}
		refused(use(name, {"target": "all"}, {"targets": ["all", "*"]})) == {"base.host_powers.target"}
		refused(use(name, {"target": "all"}, {})) == {"base.host_powers.target"}
	}
}

test_speaking_needs_the_grant_alone if {
	refused(use("owner.speak", {}, {})) == set()
}

test_approving_needs_a_ceiling if {
	refused(use("owner.approve", {"amount": 1}, {})) == {"base.host_powers.ceiling"}
	refused(use("owner.approve", {"amount": 1}, {"max_amount": ["all"]})) == {"base.host_powers.ceiling"}
	refused(use("owner.approve", {"amount": 1}, {"max_amount": 100})) == set()
	refused(use("owner.approve", {"amount": 0}, {"max_amount": 0})) == set()
}

test_a_new_control_power_is_refused_until_named_here if {
	refused(use("host.reboot", {}, {"targets": ["x"]})) == {"base.host_powers.implicit"}
}

raised(type, scope) := {
	"subject": {"type": type, "id": "main"},
	"action": {"name": "tool.call", "risk": "control"},
	"resource": {"properties": {"tool": "a/b"}},
	"context": {"plugin": {"name": "a"}, "grant": {"id": "g1", "scope": scope}},
	"facts": {"known": true, "risk": "read"},
}

test_an_agent_needs_an_explicit_grant if {
	refused(raised("agent", {})) == {"base.host_powers.implicit"}
	refused(raised("agent", {"tools": ["a/b", "*"]})) == {"base.host_powers.implicit"}
	refused(raised("agent", {"hosts": ["*:*"]})) == {"base.host_powers.implicit"}
	refused(raised("agent", {"tools": ["a/b"]})) == set()
}

test_plugins_and_owners_do_not if {
	refused(raised("plugin", {})) == set()
	refused(raised("owner", {"tools": ["*"]})) == set()
}

test_other_risks_are_none_of_its_business if {
	request := json.patch(raised("agent", {"tools": ["*"]}), [{"op": "replace", "path": "/action/risk", "value": "write"}])
	refused(request) == set()
}
