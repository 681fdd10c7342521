package cell

import (
	"errors"
	"fmt"

	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/ambithost/ambit/sdk/protocol"
	"github.com/ambithost/ambit/sdk/protocol/cellpb"
)

// Fields of Frame in cell.proto.
const (
	fieldCall   = 1
	fieldHello  = 2
	fieldResult = 4
	fieldEffect = 5
	fieldEmit   = 7
	fieldLog    = 8
)

// maxHello caps a Hello in bytes. It is the one frame from a cell with lists,
// and decoding a list costs up to forty times its bytes.
const maxHello = 64 << 10

// codec decodes frames that a cell sends, after a look at their outermost
// fields: a frame that a cell may not send is not decoded at all.
type codec struct{ protobuf encoding.CodecV2 }

var (
	errFrame = errors.New("a frame that breaks the protocol")
	errHello = fmt.Errorf("a hello of more than %d KiB", maxHello>>10)
)

// Marshal implements encoding.CodecV2.
func (c codec) Marshal(v any) (mem.BufferSlice, error) { return c.protobuf.Marshal(v) }

// Unmarshal implements encoding.CodecV2.
func (c codec) Unmarshal(data mem.BufferSlice, v any) error {
	f, ok := v.(*cellpb.Frame)
	if !ok {
		return c.protobuf.Unmarshal(data, v)
	}
	b := data.Materialize()
	if err := checkFrame(b); err != nil {
		return err
	}
	return proto.Unmarshal(b, f)
}

// Name implements encoding.CodecV2.
func (c codec) Name() string { return c.protobuf.Name() }

// checkFrame admits at most one body, of a kind that cells send.
func checkFrame(b []byte) error {
	if len(b) > protocol.MaxFrame {
		return fmt.Errorf("%w: %d bytes", errFrame, len(b))
	}
	bodies := 0
	for len(b) > 0 {
		number, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return fmt.Errorf("%w: malformed", errFrame)
		}
		b = b[n:]
		size := protowire.ConsumeFieldValue(number, kind, b)
		if size < 0 {
			return fmt.Errorf("%w: malformed", errFrame)
		}
		b = b[size:]
		switch number {
		case fieldCall:
			if kind != protowire.VarintType {
				return fmt.Errorf("%w: malformed", errFrame)
			}
			continue
		case fieldHello:
			if size > maxHello {
				return errHello
			}
		case fieldResult, fieldEffect, fieldEmit, fieldLog:
		default:
			return fmt.Errorf("%w: field %d", errFrame, number)
		}
		if bodies++; bodies > 1 || kind != protowire.BytesType {
			return fmt.Errorf("%w: more than one body", errFrame)
		}
	}
	if bodies == 0 {
		return fmt.Errorf("%w: no body", errFrame)
	}
	return nil
}
