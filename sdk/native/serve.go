package native

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync/atomic"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	"github.com/ambithost/ambit/sdk/protocol"
	"github.com/ambithost/ambit/sdk/protocol/cellpb"
	"github.com/ambithost/ambit/sdk/protocol/session"
)

// Handler is a plugin at the level of the protocol; the duties are those of
// [session.Handler].
type Handler = session.Handler

// Call is one invocation.
type Call = session.Call

// Serve makes this process the plugin h: it answers go-plugin's handshake on
// standard output, serves the host's one session, and exits the process when
// that ends. It does not return. Standard output and error belong to go-plugin
// from here on.
func Serve(h Handler) {
	if os.Getenv(protocol.CookieKey) != protocol.CookieValue {
		fmt.Fprintln(os.Stderr, "This is an Ambit plugin. Install it with: ambit install")
		os.Exit(1)
	}
	plugin.Serve(&plugin.ServeConfig{
		HandshakeConfig: plugin.HandshakeConfig{
			ProtocolVersion:  protocol.HandshakeVersion,
			MagicCookieKey:   protocol.CookieKey,
			MagicCookieValue: protocol.CookieValue,
		},
		Plugins: plugin.PluginSet{"cell": &served{handler: h}},
		GRPCServer: func(opts []grpc.ServerOption) *grpc.Server {
			return grpc.NewServer(append(opts, grpc.MaxRecvMsgSize(protocol.MaxFrame), grpc.MaxSendMsgSize(protocol.MaxFrame))...)
		},
		Logger: hclog.NewNullLogger(),
	})
	os.Exit(0)
}

// served is the plugin as go-plugin knows it.
type served struct {
	plugin.NetRPCUnsupportedPlugin
	handler Handler
}

// GRPCServer registers the cell service.
func (p *served) GRPCServer(_ *plugin.GRPCBroker, s *grpc.Server) error {
	cellpb.RegisterCellServer(s, &service{handler: p.handler})
	return nil
}

// GRPCClient is the host's side, which this is not.
func (p *served) GRPCClient(context.Context, *plugin.GRPCBroker, *grpc.ClientConn) (any, error) {
	return nil, errors.New("native: this is the plugin's side")
}

type service struct {
	cellpb.UnimplementedCellServer
	handler Handler
	open    atomic.Bool
}

// Session serves the first stream and ends the process with it: a cell without
// its host has no purpose.
func (s *service) Session(stream grpc.BidiStreamingServer[cellpb.Frame, cellpb.Frame]) error {
	if !s.open.CompareAndSwap(false, true) {
		return protocol.Errorf(protocol.Invalid, "this cell has a session already")
	}
	err := session.Serve(stream, s.handler)
	if code := protocol.CodeOf(err); code == protocol.Invalid {
		fmt.Fprintln(os.Stderr, "ambit plugin:", err)
		os.Exit(1)
	}
	os.Exit(0)
	return nil
}
