package control

import "time"

// Channel is one enabled channel.
type Channel struct {
	Plugin  string   `json:"plugin"`
	Trouble string   `json:"trouble,omitempty"` // what keeps it from working
	People  []Person `json:"people"`
}

// Person is somebody who writes over a channel.
type Person struct {
	Plugin  string    `json:"plugin"`
	ID      string    `json:"id"`              // the service's own
	Name    string    `json:"name,omitempty"`  // as they call themselves
	Role    string    `json:"role"`            // "owner", "contact", "stranger"
	Alias   string    `json:"alias,omitempty"` // what the owner calls a contact
	Agent   string    `json:"agent,omitempty"`
	Session string    `json:"session,omitempty"`
	Since   time.Time `json:"since"`
	Expires time.Time `json:"expires,omitzero"` // a stranger's code
}

// PairRequest lets in whoever has the code.
type PairRequest struct {
	Code  string `json:"code"`
	Role  string `json:"role"`            // "owner" or "contact"
	Alias string `json:"alias,omitempty"` // of a contact: required, unique
	Agent string `json:"agent,omitempty"` // whom they talk with; empty: the only one
}

// UnpairRequest ends what an agent has to do with somebody.
type UnpairRequest struct {
	Who string `json:"who"` // a contact's alias, or PLUGIN/ID
}
