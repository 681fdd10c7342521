package trust

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Envelope is a DSSE envelope
// (https://github.com/secure-systems-lab/dsse/blob/master/envelope.md).
type Envelope struct {
	Payload     []byte      `json:"payload"`
	PayloadType string      `json:"payloadType"`
	Signatures  []signature `json:"signatures"`
}

type signature struct {
	KeyID string `json:"keyid,omitempty"`
	Sig   []byte `json:"sig"`
}

// inToto is an in-toto Statement v1
// (https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md).
type inToto struct {
	Type          string          `json:"_type"`
	Subject       []subject       `json:"subject"`
	PredicateType string          `json:"predicateType"`
	Predicate     json.RawMessage `json:"predicate"`
}

type subject struct {
	Name   string            `json:"name"`
	Digest map[string]string `json:"digest"`
}

// Seal signs a payload of a media type.
func (k *Key) Seal(payloadType string, payload []byte) Envelope {
	e := Envelope{Payload: payload, PayloadType: payloadType}
	e.Signatures = []signature{{Sig: ed25519.Sign(k.private, e.signed())}}
	return e
}

// Open is the payload, if it is of that type and that key signed it.
func (e *Envelope) Open(payloadType string, public ed25519.PublicKey) ([]byte, error) {
	if e.PayloadType != payloadType {
		return nil, fmt.Errorf("trust: is a %.80q; want a %s", e.PayloadType, payloadType)
	}
	return e.Payload, e.by(public)
}

// seal signs a statement about one subject, whose digest is "sha256:…".
func (k *Key) seal(name, digest, predicateType string, predicate any) (e Envelope, err error) {
	if !IsKeyID(digest) {
		return e, fmt.Errorf("trust: digest %.80q: want sha256: and 64 hex digits", digest)
	}
	inner, err := json.Marshal(predicate)
	if err != nil {
		return e, fmt.Errorf("trust: %w", err)
	}
	payload, err := json.Marshal(inToto{statement, []subject{{name, map[string]string{"sha256": digest[len("sha256:"):]}}}, predicateType, inner})
	if err != nil {
		return e, fmt.Errorf("trust: %w", err)
	}
	return k.Seal(payloadType, payload), nil
}

// signed is what the signature is over: DSSE's pre-authentication encoding.
func (e *Envelope) signed() []byte {
	return fmt.Appendf(nil, "DSSEv1 %d %s %d %s", len(e.PayloadType), e.PayloadType, len(e.Payload), e.Payload)
}

// peek reads a statement that is not verified yet: it may say which key to verify
// it with, and nothing else of it may be believed.
func (e *Envelope) peek(predicateType string, predicate any) (name, digest string, err error) {
	var s inToto
	if e.PayloadType != payloadType || len(e.Signatures) != 1 {
		return "", "", errors.New("trust: want one signature over an in-toto statement")
	}
	if err := DecodeStrict(e.Payload, &s); err != nil {
		return "", "", fmt.Errorf("trust: statement: %w", err)
	}
	if s.Type != statement || s.PredicateType != predicateType || len(s.Subject) != 1 {
		return "", "", fmt.Errorf("trust: statement: is a %.80q about %d subjects; want a %s about one", s.PredicateType, len(s.Subject), predicateType)
	}
	digest = "sha256:" + s.Subject[0].Digest["sha256"]
	if !IsKeyID(digest) || len(s.Subject[0].Digest) != 1 {
		return "", "", errors.New("trust: statement: its subject has no one sha256 digest")
	}
	if err := DecodeStrict(s.Predicate, predicate); err != nil {
		return "", "", fmt.Errorf("trust: statement: its predicate: %w", err)
	}
	return s.Subject[0].Name, digest, nil
}

// by reports whether the key signed.
func (e *Envelope) by(public ed25519.PublicKey) error {
	if len(public) != ed25519.PublicKeySize || len(e.Signatures) != 1 || !ed25519.Verify(public, e.signed(), e.Signatures[0].Sig) {
		return ErrSignature
	}
	return nil
}

// DecodeStrict reads one JSON value without keys that v does not have.
func DecodeStrict(b []byte, v any) error {
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows")
	}
	return nil
}
