package main

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"strconv"

	"github.com/ambithost/ambit/sdk/channel"
	"github.com/ambithost/ambit/sdk/protocol"
)

// What the data of a button begins with. Telegram lets it have 64 bytes; with
// the approval's number and the digest it has 55.
const (
	approveByte = 'a'
	denyByte    = 'd'
	buttonBytes = 1 + 8 + 32
)

type button struct {
	Text string `json:"text"`
	Data string `json:"callback_data"`
}

type keyboard struct {
	Rows [][]button `json:"inline_keyboard"`
}

// buttons are the two ways to answer a question.
func buttons(q *channel.Question) (*keyboard, error) {
	digest, err := hex.DecodeString(q.Digest)
	if err != nil || len(digest) != 32 || q.Approval <= 0 {
		return nil, protocol.Errorf(protocol.Invalid, "send: question: want an approval's number and a digest of 64 hex digits")
	}
	data := func(verb byte) string {
		b := binary.BigEndian.AppendUint64([]byte{verb}, uint64(q.Approval)) //nolint:gosec // it is positive
		return base64.RawURLEncoding.EncodeToString(append(b, digest...))
	}
	return &keyboard{[][]button{{{"Approve", data(approveByte)}, {"Deny", data(denyByte)}}}}, nil
}

// answered reads a button's data. Whoever is in the chat can send any: the host
// compares person, number and digest with what it asked.
func answered(data string) (*channel.Reply, bool) {
	if len(data) != base64.RawURLEncoding.EncodedLen(buttonBytes) { // the decoder passes over line ends
		return nil, false
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(data)
	if err != nil || len(b) != buttonBytes || b[0] != approveByte && b[0] != denyByte {
		return nil, false
	}
	n := binary.BigEndian.Uint64(b[1:9])
	if n == 0 || n>>63 != 0 {
		return nil, false
	}
	return &channel.Reply{Approval: int64(n), Digest: hex.EncodeToString(b[9:]), Approve: b[0] == approveByte}, true //nolint:gosec // it fits
}

// pressed is the event of a button. Telegram shows the button as busy until it
// is told that the press arrived; when that fails the press counts all the same.
func (b bot) pressed(ctx context.Context, c *callback) (e channel.Event, ok bool) {
	if c.ID == "" || len(c.ID) >= channel.MaxID || c.From.IsBot || c.Message == nil || c.Message.Chat.Type != "private" {
		return e, false
	}
	reply, ok := answered(c.Data)
	said := map[string]string{"callback_query_id": c.ID}
	if !ok {
		said["text"] = "This button means nothing any more."
	}
	if err := b.call(ctx, "answerCallbackQuery", said, nil); err != nil {
		b.h.Log("debug", "answerCallbackQuery: %v", err)
	}
	return channel.Event{
		ID:   "c" + c.ID,
		Chat: channel.Chat{ID: strconv.FormatInt(c.Message.Chat.ID, 10), Direct: true}, From: c.From.person(), Reply: reply,
	}, ok
}
