// Package sign signs and verifies messages as the Standard Webhooks
// specification has it (standardwebhooks.com, version 1.0.0), by its symmetric
// scheme v1: HMAC-SHA256 over "id.timestamp.body".
//
// Guarantees: [Verify] accepts a message only if one of the given keys signed
// exactly its id, timestamp and body, and the timestamp is within [Tolerance]
// of now. Signatures are compared in constant time, and all of them with all
// keys. A [Key] prints as "[redacted]".
package sign

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// The headers of a message.
const (
	HeaderID        = "Webhook-Id"
	HeaderTimestamp = "Webhook-Timestamp" // seconds since 1970
	HeaderSignature = "Webhook-Signature" // "v1,BASE64", several with spaces between
)

// Tolerance is how far a timestamp may be from now, before or after.
const Tolerance = 5 * time.Minute

// MaxID is the most bytes of a message's id.
const MaxID = 128

// Prefix stands before a key.
const Prefix = "whsec_"

// Bounds of a key, which the specification sets, and of what is looked at.
const (
	minKey        = 24
	maxKey        = 64
	maxSignatures = 16
)

// Why a message is not taken.
var (
	ErrHeaders   = errors.New("webhook-id, webhook-timestamp and webhook-signature are wanted, each once and well-formed")
	ErrStale     = errors.New("the timestamp is more than 5 minutes from now")
	ErrSignature = errors.New("no signature fits")
	ErrKey       = errors.New(`the secret is no key for webhooks: want "whsec_" and then 24 to 64 bytes in base64`)
)

// Key is a shared secret. The zero Key signs nothing and verifies nothing.
type Key struct{ b []byte }

// ParseKey reads a secret: base64, with "whsec_" before it or not.
func ParseKey(secret []byte) (Key, error) {
	text := bytes.TrimPrefix(bytes.TrimSpace(secret), []byte(Prefix))
	b := make([]byte, base64.StdEncoding.DecodedLen(len(text)))
	n, err := base64.StdEncoding.Decode(b, text)
	if err != nil || n < minKey || n > maxKey {
		return Key{}, ErrKey
	}
	return Key{b[:n]}, nil
}

// MaxKeys is the most keys of one secret.
const MaxKeys = 4

// ParseKeys reads a secret that may hold several keys with spaces between, the
// newest first: while a key is changed, both sides take the old one too.
func ParseKeys(secret []byte) ([]Key, error) {
	fields := bytes.Fields(secret)
	if len(fields) == 0 || len(fields) > MaxKeys {
		return nil, ErrKey
	}
	var keys []Key
	for _, f := range fields {
		k, err := ParseKey(f)
		if err != nil {
			return nil, err
		}
		keys = append(keys, k)
	}
	return keys, nil
}

// Format writes "[redacted]" for every verb.
func (Key) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, "[redacted]") }

// CheckID says whether an id can name a message. A dot in it could pass for the
// one that ends it, and so make one signature count for two messages.
func CheckID(id string) error {
	if id == "" || len(id) > MaxID || strings.ContainsFunc(id, func(r rune) bool { return r <= ' ' || r > '~' || r == '.' }) {
		return fmt.Errorf("%w: an id has 1 to %d printable characters, and no dot", ErrHeaders, MaxID)
	}
	return nil
}

// Headers sets the three headers of a message with that id, signed at that time
// with all keys. The id must pass [CheckID].
func Headers(h http.Header, id string, at time.Time, body []byte, keys ...Key) error {
	if err := CheckID(id); err != nil {
		return err
	}
	stamp := strconv.FormatInt(at.Unix(), 10)
	var list []string
	for _, k := range keys {
		if len(k.b) < minKey {
			return ErrKey
		}
		list = append(list, "v1,"+base64.StdEncoding.EncodeToString(k.mac(id, stamp, body)))
	}
	if len(list) == 0 {
		return ErrKey
	}
	h.Set(HeaderID, id)
	h.Set(HeaderTimestamp, stamp)
	h.Set(HeaderSignature, strings.Join(list, " "))
	return nil
}

func (k Key) mac(id, stamp string, body []byte) []byte {
	m := hmac.New(sha256.New, k.b)
	_, _ = io.WriteString(m, id+"."+stamp+".") // a hash never fails
	_, _ = m.Write(body)
	return m.Sum(nil)
}

// Message is what a verified request says of itself.
type Message struct {
	ID string
	At time.Time // by the sender's clock
}

// Verify checks a message against the keys of its sender.
func Verify(h http.Header, body []byte, keys []Key, now time.Time) (Message, error) {
	id, stamp, signatures := only(h, HeaderID), only(h, HeaderTimestamp), only(h, HeaderSignature)
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil || len(stamp) > 12 || strconv.FormatInt(seconds, 10) != stamp || seconds < 0 || signatures == "" {
		return Message{}, ErrHeaders
	}
	if err := CheckID(id); err != nil {
		return Message{}, err
	}
	list := strings.Split(signatures, " ")
	if len(list) > maxSignatures {
		return Message{}, ErrHeaders
	}
	m := Message{ID: id, At: time.Unix(seconds, 0)}
	fits := false
	for _, k := range keys {
		if len(k.b) < minKey {
			continue
		}
		want := k.mac(id, stamp, body)
		for _, s := range list {
			given, v1 := strings.CutPrefix(s, "v1,")
			mac, err := base64.StdEncoding.DecodeString(given)
			fits = hmac.Equal(mac, want) && v1 && err == nil || fits
		}
	}
	if !fits {
		return Message{}, ErrSignature
	}
	// After the signature, so that nobody without a key learns this host's clock.
	if off := now.Sub(m.At); off > Tolerance || off < -Tolerance {
		return Message{}, ErrStale
	}
	return m, nil
}

// only is the value of a header that stands once; else it is empty.
func only(h http.Header, name string) string {
	if values := h[name]; len(values) == 1 {
		return values[0]
	}
	return ""
}
