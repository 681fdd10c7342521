package cell

import (
	"context"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// noBroker keeps go-plugin's broker from hearing of connections that a cell
// announces. Nothing here makes any, and the broker would keep a goroutine for
// five seconds for each announcement.
func noBroker(ctx context.Context, desc *grpc.StreamDesc, conn *grpc.ClientConn, method string, open grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
	if strings.HasPrefix(method, "/plugin.GRPCBroker/") {
		return nil, status.Error(codes.Unimplemented, "cells have one connection")
	}
	return open(ctx, desc, conn, method, opts...)
}
