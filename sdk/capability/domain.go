package capability

// domainPowers are carried by tools. A tool that declares one takes at least
// the required attributes as arguments under these names.
func domainPowers() []Capability {
	var all []Capability
	for _, list := range [][]Capability{moneyPowers(), speechPowers(), keepingPowers(), standingPowers(), readingPowers()} {
		for _, c := range list {
			c.Domain = true
			all = append(all, c)
		}
	}
	return all
}

func moneyPowers() []Capability {
	amount := required("amount", "integer", "minor units of the currency, e.g. cents")
	currency := required("currency", "string", "ISO 4217, e.g. USD")
	money := func(more ...ScopeKey) []ScopeKey {
		return append([]ScopeKey{atMost("amount", "minor units in one charge"), allow("currencies", "currency", MatchExact, "ISO 4217", Any)}, more...)
	}
	payee := where("payee", "string", "who gets it")
	return []Capability{
		{Name: "card.charge", Risk: Irreversible, Doc: "Charge a payment card. The merchant has the money as soon as it is done, and only the merchant can give it back.",
			Attributes: []Attribute{amount, currency, where("merchant", "string", "who is paid")},
			Scope:      money(allow("merchants", "merchant", MatchExact, "who may be paid", Any))},
		{Name: "card.issue", Risk: Irreversible, Doc: "Issue a payment card that can be charged up to an amount. Whoever knows its number can spend it.",
			Attributes: []Attribute{amount, currency}, Scope: money()},
		{Name: "card.read", Risk: Read, Doc: "Read a card's balance and charges. What it answers is private, and merchants write parts of it.",
			Attributes: []Attribute{required("card", "string", "which card")}, Scope: []ScopeKey{allow("cards", "card", MatchExact, "which cards", Any)}},
		{Name: "payment.send", Risk: Irreversible, Doc: "Send money now: a bank transfer, a transfer between people. It can't be called back.",
			Attributes: []Attribute{amount, currency, payee}, Scope: money(allow("payees", "payee", MatchExact, "who may be paid"))},
		{Name: "payment.schedule", Risk: Write, Doc: "Set up, change or cancel a payment that happens later or again and again. Until it happens it can be changed back.",
			Attributes: []Attribute{amount, currency, payee}, Scope: money(allow("payees", "payee", MatchExact, "who may be paid"))},
		{Name: "booking.make", Risk: Irreversible, Doc: "Reserve a room, a table, a seat or a car in the owner's name. Cancelling may cost, or be too late.",
			Attributes: []Attribute{where("provider", "string", "with whom")}, Scope: []ScopeKey{allow("providers", "provider", MatchExact, "with whom", Any)}},
	}
}

func speechPowers() []Capability {
	recipients := where("recipients", "strings", "addresses of all who get it")
	to := allow("to", "recipients", MatchExact, "recipients")
	return []Capability{
		{Name: "call.place", Risk: Irreversible, Doc: "Place a phone call. Somebody picks up, and premium numbers cost.",
			Attributes: []Attribute{where("number", "string", "E.164")}, Scope: []ScopeKey{allow("numbers", "number", MatchPrefix, "E.164 prefixes")}},
		{Name: "mail.send", Risk: Irreversible, Doc: "Send mail. All recipients count, those of copies too.",
			Attributes: []Attribute{recipients}, Scope: []ScopeKey{to}},
		{Name: "social.post", Risk: Irreversible, Doc: "Publish: a post, a page, a comment that people who are not named can read.",
			Attributes: []Attribute{where("place", "string", "where it appears"), text("text", "what is posted")},
			Scope:      []ScopeKey{allow("places", "place", MatchExact, "where", Any)}},
		{Name: "social.message", Risk: Irreversible, Doc: "Message people, or the members of a channel, on a network.",
			Attributes: []Attribute{recipients, text("text", "what is said")}, Scope: []ScopeKey{to}},
	}
}

// keepingPowers change what is kept and can mostly be changed back.
func keepingPowers() []Capability {
	source := required("source", "string", "account or place")
	anySource := []ScopeKey{allow("sources", "source", MatchExact, "which accounts or places", Any)}
	return []Capability{
		{Name: "calendar.write", Risk: Write, Doc: "Change a calendar. Who is invited hears of it.", Attributes: []Attribute{source}, Scope: anySource},
		{Name: "contact.write", Risk: Write, Doc: "Change the owner's contacts. Later messages go where they say.", Attributes: []Attribute{source}, Scope: anySource},
		{Name: "drive.write", Risk: Write, Doc: "Change files kept elsewhere. Sharing them is access.change.", Attributes: []Attribute{source}, Scope: anySource},
		{Name: "mail.change", Risk: Write, Doc: "Move, mark, file or delete mail.", Attributes: []Attribute{required("mailbox", "string", "which mailbox")},
			Scope: []ScopeKey{allow("mailboxes", "mailbox", MatchExact, "which mailboxes", Any)}},
		{Name: "memory.write", Risk: Write, Doc: "Change what the agent remembers. Later turns read it. Of the notes that the host keeps it is an effect too: a note keeps the labels of what it was made from.",
			Attributes: append(noteAttrs(), optional("bytes", "integer", "length of what is written")), Scope: noteScope()},
	}
}

// standingPowers change who may do what, and what the owner is to a service.
func standingPowers() []Capability {
	source := required("source", "string", "account or place")
	anySource := []ScopeKey{allow("sources", "source", MatchExact, "which accounts or places", Any)}
	return []Capability{
		{Name: "access.change", Risk: Write, Doc: "Let people into a shared place (a workspace, a channel, a file, a calendar), change what they may do there, or put them out.",
			Attributes: []Attribute{where("who", "string", "whose access changes")}, Scope: []ScopeKey{allow("who", "who", MatchExact, "whose access may change", Any)}},
		{Name: "account.change", Risk: Write, Doc: "Change the owner's account with a service: name, address, settings. Passwords and keys are credential.change.",
			Attributes: []Attribute{source}, Scope: anySource},
		{Name: "credential.change", Risk: Irreversible, Doc: "Change a password, a key or a recovery address. Whoever knows the new one has the account.",
			Attributes: []Attribute{source}, Scope: anySource},
	}
}

func readingPowers() []Capability {
	source := []Attribute{required("source", "string", "account or place")}
	anySource := []ScopeKey{allow("sources", "source", MatchExact, "which accounts or places", Any)}
	return []Capability{
		{Name: "account.read", Risk: Read, Doc: "Read the owner's account with a service: who the owner is there, balances, movements.", Attributes: source, Scope: anySource},
		{Name: "mail.read", Risk: Read, Doc: "Read mail. It is private, and others wrote it.", Attributes: []Attribute{required("mailbox", "string", "which mailbox")},
			Scope: []ScopeKey{allow("mailboxes", "mailbox", MatchExact, "which mailboxes", Any)}},
		{Name: "social.read", Risk: Read, Doc: "Read a network: messages, channels, members.", Attributes: source, Scope: anySource},
		{Name: "calendar.read", Risk: Read, Doc: "Read a calendar. Invitations in it are written by others.", Attributes: source, Scope: anySource},
		{Name: "contact.read", Risk: Read, Doc: "Read the owner's contacts.", Attributes: source, Scope: anySource},
		{Name: "drive.read", Risk: Read, Doc: "Read files kept elsewhere.", Attributes: source, Scope: anySource},
		{Name: "booking.read", Risk: Read, Doc: "Look for rooms, tables, seats and cars, and read what others say of them.", Attributes: source, Scope: anySource},
		{Name: "memory.read", Risk: Read, Doc: "Read what the agent remembers. Of the notes that the host keeps it is an effect too.", Attributes: noteAttrs(), Scope: noteScope()},
		{Name: "web.fetch", Risk: Read, Doc: "Fetch a page of the web. Its address is told to the server, so what an address holds leaves the host.",
			Attributes: []Attribute{where("url", "string", "absolute URL")}, Scope: []ScopeKey{allow("urls", "url", MatchPrefix, "URL prefixes", Any)}},
		{Name: "web.search", Risk: Read, Doc: "Search the web. The query is told to the search engine.", Attributes: []Attribute{text("query", "what is looked for")}},
		{Name: "code.run", Risk: Read, Doc: "Run a program without network, files or clock.", Attributes: []Attribute{required("language", "string", "which language")},
			Scope: []ScopeKey{allow("languages", "language", MatchExact, "which languages", Any)}},
	}
}

// noteAttrs are of the notes that the host keeps; a search and a list name none.
func noteAttrs() []Attribute { return []Attribute{optional("note", "string", "which note")} }
func noteScope() []ScopeKey {
	return []ScopeKey{allow("notes", "note", MatchPrefix, "beginnings of names; where it is narrowed, no search and no list", Any)}
}
