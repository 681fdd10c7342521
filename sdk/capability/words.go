package capability

// words are how people ask for a domain power. See [Capability.Words].
var words = map[string][]string{
	"access.change":     {"shar", "invit", "add", "remov", "access", "permission", "right", "member", "let", "give"},
	"account.change":    {"account", "profile", "setting", "address", "updat", "chang", "adjust", "detail"},
	"booking.make":      {"book", "reserv", "cancel"},
	"calendar.write":    {"calendar", "event", "appointment", "meeting", "schedul", "reschedul", "invit", "remind", "agenda", "postpone", "cancel", "move", "creat", "add", "put", "updat", "chang"},
	"call.place":        {"call", "phone", "ring", "dial"},
	"card.charge":       {"buy", "order", "pay", "paying", "purchas", "charg"},
	"card.issue":        {"card"},
	"contact.write":     {"contact", "person", "people"},
	"credential.change": {"password", "passphras", "key", "pin", "credential", "login"},
	"drive.write":       {"file", "document", "folder", "drive", "note", "list", "save", "saving", "sheet", "spreadsheet", "append", "copy", "creat", "put", "store", "updat", "chang", "edit"},
	"mail.change":       {"mail", "email", "inbox", "folder", "archiv", "mark", "spam", "delet", "move", "file"},
	"mail.send":         {"mail", "email", "send", "writ", "repl", "answer", "respon", "forward", "tell", "inform", "thank", "ask", "notif", "messag", "let", "invit"},
	"memory.write":      {"note", "rememb", "memor", "keep", "save", "write"},
	"payment.schedule":  {"pay", "paying", "payment", "transfer", "send", "schedul", "standing", "recurring", "monthly", "bill", "rent", "adjust", "updat", "chang"},
	"payment.send":      {"pay", "paying", "payment", "transfer", "send", "refund", "money", "bill"},
	"social.message":    {"messag", "send", "tell", "writ", "repl", "answer", "inform", "thank", "ask", "notif", "forward", "shar", "let", "invit"},
	"social.post":       {"post", "publish", "shar", "comment", "page", "tweet"},
}
