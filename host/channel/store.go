package channel

import (
	"context"
	"encoding/json"
	"time"

	"github.com/ambithost/ambit/sdk/channel"
)

// Role is what somebody is to the agent.
type Role string

const (
	Stranger Role = "stranger" // has a pairing code, or had one
	Contact  Role = "contact"  // may talk with the agent
	Owner    Role = "owner"    // the owner's own account
)

// Peer is somebody who writes over a channel.
type Peer struct {
	Plugin  string
	Person  string // the service's own id
	Name    string // as they call themselves
	Role    Role
	Alias   string // what the owner calls a contact; unique
	Agent   string // whom they talk with
	Chat    string // where to write to them
	Code    string // of a stranger
	Expires time.Time
	Since   time.Time
	Session string
	// Delivered is the last entry of the session that is done with, Sending an
	// entry whose sending began and of which nothing more is known; 0: none.
	Delivered int64
	Sending   int64
}

func (p Peer) key() key { return key{p.Plugin, p.Person} }

// served peers have a conversation with an agent.
func (p Peer) served() bool { return p.Role == Owner || p.Role == Contact }

// Arrival is an event that no agent has yet.
type Arrival struct {
	N     int64
	Event channel.Event
}

// Inbox keeps what arrived.
type Inbox interface {
	// Cursor returns a channel's; none is empty.
	Cursor(ctx context.Context, plugin string) (json.RawMessage, error)
	// Arrive stores the events that did not arrive before, and the cursor, all
	// or nothing, on disk when it returns.
	Arrive(ctx context.Context, plugin string, cursor json.RawMessage, events []channel.Event) error
	// ArriveHook stores the events of a webhook under its mark, all or nothing,
	// on disk when it returns. A mark that is there already changes nothing.
	ArriveHook(ctx context.Context, plugin, mark string, events []channel.Event) error
	// Arrived tells whether something with this id arrived before.
	Arrived(ctx context.Context, plugin, id string) (bool, error)
	// Arrivals returns those not done with, oldest first, up to limit.
	Arrivals(ctx context.Context, plugin string, limit int) ([]Arrival, error)
	// Done forgets what an arrival said and remembers that it arrived.
	Done(ctx context.Context, n int64) error
}

// Peers keeps who writes.
type Peers interface {
	Peer(ctx context.Context, plugin, person string) (Peer, bool, error)
	Peers(ctx context.Context) ([]Peer, error)
	// SavePeer writes all of a peer but Delivered and Sending, unless Session
	// changed, which begins them anew.
	SavePeer(ctx context.Context, p Peer) error
	RemovePeer(ctx context.Context, plugin, person string) error
	// Progress notes how far the delivery of a session got, if it is still the
	// peer's.
	Progress(ctx context.Context, p Peer) error
}

// Store is what survives a crash.
type Store interface {
	Inbox
	Peers
}
