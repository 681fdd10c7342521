//go:build linux

package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/ambithost/ambit/sdk/protocol"
	"github.com/ambithost/ambit/sdk/protocol/cellpb"
)

// broken is a plugin that attacks the host through the handshake or the frames.
func broken(how string) {
	if port, ok := strings.CutPrefix(how, "tcp-"); ok { // "come and connect to this"
		fmt.Printf("1|1|tcp|127.0.0.1:%s|grpc\n", port)
		sleep()
	}
	switch how {
	case "silent":
		sleep()
	case "exit":
		os.Exit(3)
	case "endless-line":
		block := bytes.Repeat([]byte("|"), 64<<10)
		for {
			if _, err := os.Stdout.Write(block); err != nil {
				sleep()
			}
		}
	case "garbage":
		fmt.Println("\x1b[2J1|one|\x00|x")
		sleep()
	case "elsewhere": // "my socket is that one"
		fmt.Printf("1|1|unix|%s|grpc\n", os.Getenv("PLUGIN_UNIX_SOCKET_DIR")+"/../elsewhere.sock")
		sleep()
	case "certificate": // go-plugin keeps it in a TLS configuration nobody asked for
		fmt.Printf("1|1|unix|%s|grpc|%s\n", socket(), certificate())
		sleep()
	case "netrpc":
		fmt.Printf("1|1|unix|%s|netrpc\n", socket())
		sleep()
	default:
		serveFrames(how)
	}
}

func sleep() {
	for {
		time.Sleep(time.Hour)
	}
}

func socket() string { return filepath.Join(os.Getenv("PLUGIN_UNIX_SOCKET_DIR"), "plugin") }

func certificate() string {
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		sleep()
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(nil, template, template, public, private)
	if err != nil {
		sleep()
	}
	return base64.RawStdEncoding.EncodeToString(der)
}

// serveFrames keeps the handshake and breaks the session.
func serveFrames(how string) {
	l, err := net.Listen("unix", socket())
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	s := grpc.NewServer(grpc.MaxRecvMsgSize(64<<20), grpc.MaxSendMsgSize(64<<20))
	cellpb.RegisterCellServer(s, &liar{how: how})
	if how == "broker-flood" {
		s.RegisterService(&broker, nil)
	}
	if how == "stdio-flood" {
		s.RegisterService(&stdio, nil)
	}
	fmt.Printf("1|1|unix|%s|grpc\n", socket())
	if err := s.Serve(l); err != nil {
		os.Exit(1)
	}
}

// broker is go-plugin's service for further connections. Its client keeps a
// goroutine for five seconds for each id that it hears of.
var broker = grpc.ServiceDesc{ServiceName: "plugin.GRPCBroker", HandlerType: (*any)(nil), Streams: []grpc.StreamDesc{{
	StreamName: "StartStream", ServerStreams: true, ClientStreams: true,
	Handler: func(_ any, s grpc.ServerStream) error {
		for id := uint32(1); ; id++ {
			if err := s.SendMsg(wrapperspb.UInt32(id)); err != nil { // ConnInfo.service_id
				return err
			}
		}
	},
}}}

// stdio is go-plugin's service for a plugin's output.
var stdio = grpc.ServiceDesc{ServiceName: "plugin.GRPCStdio", HandlerType: (*any)(nil), Streams: []grpc.StreamDesc{{
	StreamName: "StreamStdio", ServerStreams: true,
	Handler: func(_ any, s grpc.ServerStream) error {
		flood := &cellpb.Effect{Id: 1, Name: strings.Repeat("flooding", 8<<10)} // StdioData.channel and .data
		for {
			if err := s.SendMsg(flood); err != nil {
				return err
			}
		}
	},
}}}

type liar struct {
	cellpb.UnimplementedCellServer
	how string
}

func (l *liar) Session(s grpc.BidiStreamingServer[cellpb.Frame, cellpb.Frame]) error {
	if _, err := s.Recv(); err != nil {
		return err
	}
	if l.how == "no-hello" {
		sleep()
	}
	version := uint32(protocol.Version)
	if l.how == "wrong-version" {
		version = 99
	}
	hello := &cellpb.Hello{Version: version, Exports: []string{"call"}}
	if l.how == "many-exports" {
		for i := range 1 << 18 {
			hello.Exports = append(hello.Exports, fmt.Sprintf("export-%d-\x1b[31m", i))
		}
	}
	if err := s.Send(&cellpb.Frame{Body: &cellpb.Frame_Hello{Hello: hello}}); err != nil {
		return err
	}
	f, err := s.Recv()
	if err != nil {
		return err
	}
	for _, lie := range l.lies(f.Call) {
		if err := s.Send(lie); err != nil {
			return err
		}
	}
	for { // whatever the host sends, no result comes
		if _, err := s.Recv(); err != nil {
			return err
		}
	}
}

// lies are the frames that answer the call.
func (l *liar) lies(call uint64) []*cellpb.Frame {
	result := func(call uint64, out []byte, e *cellpb.Error) *cellpb.Frame {
		return &cellpb.Frame{Call: call, Body: &cellpb.Frame_Result{Result: &cellpb.Result{Output: out, Error: e}}}
	}
	effect := func(call, id uint64, name string) *cellpb.Frame {
		return &cellpb.Frame{Call: call, Body: &cellpb.Frame_Effect{Effect: &cellpb.Effect{Id: id, Name: name, Args: []byte("{}")}}}
	}
	switch l.how {
	case "huge-frame":
		return []*cellpb.Frame{result(call, make([]byte, 40<<20), nil)}
	case "foreign-call": // an effect and a result in a call that is not running
		return []*cellpb.Frame{effect(call+1000, 1, "clock.read"), result(call+1000, []byte("x"), nil)}
	case "effect-zero": // an effect outside of any call
		return []*cellpb.Frame{effect(0, 1, "clock.read")}
	case "same-effect": // the same id, twice at once
		return []*cellpb.Frame{effect(call, 7, "clock.read"), effect(call, 7, "clock.read")}
	case "host-frames": // frames that only the host sends
		return []*cellpb.Frame{{Call: call, Body: &cellpb.Frame_Invoke{Invoke: &cellpb.Invoke{Export: "call"}}}}
	case "empty-frame":
		return []*cellpb.Frame{{Call: call}}
	case "second-hello":
		return []*cellpb.Frame{{Body: &cellpb.Frame_Hello{Hello: &cellpb.Hello{Version: protocol.Version}}}}
	case "error-text": // an error with a code of its own and an escape
		return []*cellpb.Frame{result(call, nil, &cellpb.Error{Code: "ok\x1b[31m", Message: "fine\r\n\x1b]0;owned\x07"})}
	case "unsettled": // effects without end in one call, none waited for
		var frames []*cellpb.Frame
		for id := range uint64(100_000) {
			frames = append(frames, effect(call, id+1, "clock.read"))
		}
		return frames
	default: // "no-result"
		return nil
	}
}
