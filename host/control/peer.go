package control

import (
	"context"
	"fmt"
	"net"
	"os"

	"github.com/ambithost/ambit/sdk/protocol"
)

type peerKey struct{}

// withPeer notes in a connection's context whether its other end may be served.
func withPeer(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, peerKey{}, peerResult{err: allowPeer(c)})
}

type peerResult struct{ err error }

// checkPeer refuses unless withPeer found the other end to be the owner.
func checkPeer(ctx context.Context) error {
	res, ok := ctx.Value(peerKey{}).(peerResult)
	if !ok {
		return protocol.Errorf(protocol.Denied, "the other end is not known")
	}
	return res.err
}

// allowPeer says whether the other end of a connection is the user we run as.
// Root is no exception: who is root can become that user, and says so by it.
func allowPeer(c net.Conn) error {
	uc, ok := c.(*net.UnixConn)
	if !ok {
		return protocol.Errorf(protocol.Denied, "only a unix socket is served")
	}
	uid, known, err := peerUID(uc)
	switch {
	case err != nil:
		return protocol.Errorf(protocol.Denied, "the system does not tell who is at the other end: %v", err)
	case known && uid != os.Geteuid():
		return &Error{Code: protocol.Denied,
			Message: fmt.Sprintf("user %d may not use the host of user %d", uid, os.Geteuid()),
			Hint:    "run the command as the user who runs the host"}
	}
	return nil
}
