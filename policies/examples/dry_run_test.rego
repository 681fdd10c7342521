package ambit.owner.dry_run_test

import data.ambit.owner.dry_run

noted(name, risk, properties) if {
	{"type": "dry_run"} in dry_run.obligations with input as {
		"action": {"name": name, "risk": risk},
		"resource": {"properties": properties},
	}
}

test_looking_is_real if not noted("mail.read", "read", {"mailbox": "inbox"})

test_what_would_be_changed_is_noted_and_not_done if {
	noted("file.write", "write", {"path": "a.md"})
	noted("card.charge", "irreversible", {"amount": 1, "currency": "USD", "merchant": "Toys"})
	noted("message.send", "write", {"to": "ann"})
}

test_i_get_answers if not noted("message.send", "write", {"to": "owner"})

test_my_word_over_a_channel_counts if not noted("owner.speak", "control", {})

test_the_switch_is_never_pretended if {
	not noted("host.kill", "control", {"target": "plugin:mail"})
	not noted("host.revoke", "control", {"target": "mail"})
}
