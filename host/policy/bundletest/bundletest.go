// Package bundletest makes an organisation that signs bundles of policies, for
// tests. Start at [New].
package bundletest

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"maps"
	"slices"
	"testing"

	"github.com/open-policy-agent/opa/v1/bundle"
)

// Organisation signs bundles.
type Organisation struct {
	private string
	// Public is its key, in PEM.
	Public string
}

// New makes an organisation with a key of its own.
func New(t *testing.T) Organisation {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalECPrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(&k.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	text := func(kind string, b []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: b}))
	}
	return Organisation{text("EC PRIVATE KEY", private), text("PUBLIC KEY", public)}
}

// Release makes a signed bundle of Rego files by name.
func (o Organisation) Release(t *testing.T, serial int, files map[string]string) []byte {
	t.Helper()
	b := bundle.Bundle{Data: map[string]any{}, Manifest: bundle.Manifest{Revision: "r", Metadata: map[string]any{"serial": serial}}}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		b.Modules = append(b.Modules, bundle.ModuleFile{URL: "/" + name, Path: "/" + name, Raw: []byte(files[name])})
	}
	b.Manifest.Init()
	if err := b.GenerateSignature(bundle.NewSigningConfig(o.private, "ES256", ""), "other", true); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := bundle.NewWriter(&out).Write(b); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}
