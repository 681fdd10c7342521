package trust

import (
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/ambithost/ambit/sdk/capability"
	"github.com/ambithost/ambit/sdk/manifest"
)

// Release is what a publisher says of an artifact.
type Release struct {
	Name         string       `json:"name"`
	Version      string       `json:"version"`
	Repository   string       `json:"repository"` // "host/namespace/name"
	Capabilities []Capability `json:"capabilities,omitempty"`
}

// Capability is a power that the plugin asks for, or that one of its tools has.
// Scopes are as the manifest spells them, "${config.KEY}" not filled in.
type Capability struct {
	Name   string           `json:"name"`
	Risk   capability.Risk  `json:"risk"`
	Scope  capability.Scope `json:"scope,omitzero"`
	Reason string           `json:"reason"`
}

// ReleaseOf is what a manifest says, in the form that is signed.
func ReleaseOf(m *manifest.Manifest, repository string) Release {
	r := Release{Name: m.Name, Version: m.Version, Repository: repository}
	for _, q := range m.Requires {
		c, ok := capability.Lookup(q.Capability)
		risk := capability.Irreversible
		if ok {
			risk = c.Risk
		}
		r.Capabilities = append(r.Capabilities, Capability{q.Capability, risk, q.Scope, q.Reason})
	}
	for _, t := range m.Tools {
		r.Capabilities = append(r.Capabilities, Capability{Name: t.Power(), Risk: t.Level(), Reason: "offers the tool " + t.Name})
	}
	return r
}

// Same reports whether two releases say the same.
func (r Release) Same(other Release) bool {
	a, errA := json.Marshal(r)
	b, errB := json.Marshal(other)
	return errA == nil && errB == nil && string(a) == string(b)
}

// predicate is what is signed of a release.
type predicate struct {
	Release
	PublicKey []byte     `json:"public_key"` // PKIX DER, of who signs
	Rotations []Envelope `json:"rotations,omitempty"`
}

// bundle is the part of a Sigstore bundle v0.3 that a key-based signature has.
type bundle struct {
	MediaType    string   `json:"mediaType"`
	Verification material `json:"verificationMaterial"`
	Envelope     Envelope `json:"dsseEnvelope"`
}

type material struct {
	PublicKey   *hint           `json:"publicKey,omitempty"`
	Certificate json.RawMessage `json:"certificate,omitempty"`
	Chain       json.RawMessage `json:"x509CertificateChain,omitempty"`
	// Logs and time stamps say more than is asked for here; they are not read.
	Logs   json.RawMessage `json:"tlogEntries,omitempty"`
	Stamps json.RawMessage `json:"timestampVerificationData,omitempty"`
}

type hint struct {
	Hint string `json:"hint"`
}

// Sign makes the bundle for an artifact whose OCI manifest has a digest
// ("sha256:…"). Rotations lead from the publisher's earlier keys to this one, the
// oldest first.
func (k *Key) Sign(digest string, r Release, rotations ...Envelope) ([]byte, error) {
	e, err := k.seal(r.Repository, digest, releaseType, predicate{r, der(k.Public()), rotations})
	if err != nil {
		return nil, err
	}
	b, err := json.Marshal(bundle{MediaType: BundleType, Verification: material{PublicKey: &hint{k.ID()}}, Envelope: e})
	if err != nil {
		return nil, fmt.Errorf("trust: %w", err)
	}
	if _, err := Verify(b, digest); err != nil {
		return nil, err // never publish what nobody would take
	}
	return b, nil
}

// Verified is what a bundle proves: the holder of this key said this of the
// artifact. Whether that key may is another question.
type Verified struct {
	KeyID     string
	Public    ed25519.PublicKey
	Release   Release
	Rotations []Rotation // oldest first; the last leads to KeyID
}

// Verify checks a bundle of at most [MaxBundle] bytes against the digest of an OCI
// manifest ("sha256:…").
func Verify(b []byte, digest string) (*Verified, error) {
	if len(b) > MaxBundle {
		return nil, fmt.Errorf("trust: the signature has %d bytes, the limit is %d", len(b), MaxBundle)
	}
	var s bundle
	if err := DecodeStrict(b, &s); err != nil {
		return nil, fmt.Errorf("trust: bundle: %w", err)
	}
	switch {
	case s.MediaType != BundleType:
		return nil, fmt.Errorf("trust: is a %.80q; want a %s", s.MediaType, BundleType)
	case s.Verification.Certificate != nil || s.Verification.Chain != nil:
		return nil, ErrKeyless
	case s.Verification.PublicKey == nil:
		return nil, errors.New("trust: bundle: names no key")
	}
	var p predicate
	name, about, err := s.Envelope.peek(releaseType, &p)
	if err != nil {
		return nil, err
	}
	public, err := parseDER(p.PublicKey)
	if err != nil {
		return nil, err
	}
	if err := s.Envelope.by(public); err != nil {
		return nil, err
	}
	v := &Verified{KeyID: KeyID(public), Public: public, Release: p.Release}
	switch {
	case v.KeyID != s.Verification.PublicKey.Hint:
		return nil, fmt.Errorf("%w: it names the key %.80q and was made with %s", ErrSignature, s.Verification.PublicKey.Hint, v.KeyID)
	case about != digest:
		return nil, fmt.Errorf("%w: it is about %s, not about %s", ErrSignature, about, digest)
	case name != p.Repository:
		return nil, fmt.Errorf("%w: it is about two repositories", ErrSignature)
	}
	v.Rotations, err = verifyRotations(p.Rotations, v.KeyID)
	return v, err
}

// Succeeds reports whether the signer's key is old, or was handed over to by it,
// directly or through others.
func (v *Verified) Succeeds(old string) bool {
	return v.KeyID == old || slices.ContainsFunc(v.Rotations, func(r Rotation) bool { return r.Old == old })
}
