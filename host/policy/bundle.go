package policy

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/open-policy-agent/opa/v1/bundle"

	"github.com/ambithost/ambit/policies"
)

// What a bundle may hold, packed and unpacked, in bytes.
const (
	MaxBundle   = 16 << 20
	maxUnpacked = 64 << 20
)

// Bundle makes a layer of a signed OPA bundle
// (https://www.openpolicyagent.org/docs/management-bundles) instead of a folder.
// It is verified whenever it is read.
type Bundle struct {
	Key string // public key, PEM: ECDSA on P-256 or RSA
}

// ErrRollback says that a bundle is older than the one in force.
var ErrRollback = errors.New("policy: the bundle is older than the one in force")

// opened is a bundle whose signature was verified.
type opened struct {
	serial int64
	files  []source
}

// openBundle verifies a bundle, then reads it. Nothing of one that is not signed
// by the key, or not in full, is looked at.
func openBundle(raw []byte, key string) (*opened, error) {
	if len(raw) > MaxBundle {
		return nil, fmt.Errorf("the bundle is larger than %d bytes", MaxBundle)
	}
	if err := checkUnpacked(raw); err != nil {
		return nil, err
	}
	algorithm, err := algorithmOf(key)
	if err != nil {
		return nil, err
	}
	const id = "org" // named here, so that what the bundle says about keys does not count
	keys := map[string]*bundle.KeyConfig{id: {Key: key, Algorithm: algorithm}}
	b, err := bundle.NewReader(bytes.NewReader(raw)).
		WithBundleVerificationConfig(bundle.NewVerificationConfig(keys, id, "", nil)).
		WithSizeLimitBytes(maxFileBytes).WithCapabilities(capabilities()).Read()
	if err != nil {
		return nil, fmt.Errorf("the bundle is not signed by the organisation's key, or was changed: %w", err)
	}
	if len(b.Data) > 0 || len(b.WasmModules) > 0 || len(b.PlanModules) > 0 || len(b.Modules) > maxFiles {
		return nil, fmt.Errorf("the bundle holds more than %d files, or other things than Rego", maxFiles)
	}
	out := &opened{}
	if out.serial, err = serial(b.Manifest.Metadata); err != nil {
		return nil, err
	}
	for _, m := range b.Modules {
		out.files = append(out.files, source{layer: orgLayer, name: strings.TrimPrefix(path.Clean("/"+m.Path), "/"), text: string(m.Raw)})
	}
	return out, nil
}

// serial is metadata.serial of the manifest: a whole number that every release
// raises. It is signed with the rest, and what keeps an old bundle from coming
// back.
func serial(metadata map[string]any) (int64, error) {
	b, err := json.Marshal(metadata["serial"])
	if err != nil {
		return 0, err
	}
	var n int64
	if err := json.Unmarshal(b, &n); err != nil || n < 1 {
		return 0, errors.New(`the bundle's .manifest has no serial; want "metadata": {"serial": 1}, one more in each release`)
	}
	return n, nil
}

// checkUnpacked keeps a small file from becoming a large one.
func checkUnpacked(raw []byte) error {
	z, err := gzip.NewReader(bytes.NewReader(raw))
	if err != nil {
		return fmt.Errorf("the bundle is no .tar.gz: %w", err)
	}
	n, err := io.Copy(io.Discard, io.LimitReader(z, maxUnpacked+1))
	switch {
	case err != nil:
		return fmt.Errorf("the bundle is no .tar.gz: %w", err)
	case n > maxUnpacked:
		return fmt.Errorf("the bundle is larger than %d bytes unpacked", maxUnpacked)
	}
	return nil
}

// algorithmOf follows from the key alone: a signature can't choose how it is
// checked.
func algorithmOf(key string) (string, error) {
	block, _ := pem.Decode([]byte(key))
	if block == nil || block.Type != "PUBLIC KEY" {
		return "", errors.New(`the organisation's key is no public key in PEM ("-----BEGIN PUBLIC KEY-----")`)
	}
	pub, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return "", fmt.Errorf("the organisation's key: %w", err)
	}
	switch k := pub.(type) {
	case *ecdsa.PublicKey:
		if k.Curve.Params().BitSize == 256 {
			return "ES256", nil
		}
	case *rsa.PublicKey:
		if k.N.BitLen() >= 2048 {
			return "RS256", nil
		}
	}
	return "", errors.New("the organisation's key: want ECDSA on P-256, or RSA of at least 2048 bits")
}

// readBundle reads the layer that a bundle makes.
func readBundle(l Layer) ([]source, []Problem) {
	raw, err := os.ReadFile(l.Dir)
	if err != nil {
		return nil, []Problem{{File: l.Dir, Message: err.Error(), Advice: "the organisation's bundle must be readable"}}
	}
	b, err := openBundle(raw, l.Bundle.Key)
	if err != nil {
		return nil, []Problem{{File: l.Dir, Message: err.Error(), Advice: "get the bundle again from the organisation, or ask it for its key"}}
	}
	for i := range b.files {
		b.files[i].path = filepath.Join(l.Dir, filepath.FromSlash(b.files[i].name))
	}
	return b.files, nil
}

// AcceptBundle takes a new release of an organisation's bundle to be the one at
// the layer's place, if it is signed by its key, loads together with the base,
// and is not older than what is there. Otherwise what is there stays.
func AcceptBundle(l Layer, raw []byte) (changed bool, err error) {
	next, err := openBundle(raw, l.Bundle.Key)
	if err != nil {
		return false, err
	}
	before, err := os.ReadFile(l.Dir)
	switch {
	case err == nil && bytes.Equal(before, raw):
		return false, nil
	case err == nil:
		// One that the key does not open is no release to compare with: the key
		// was changed by the owner, or the file by somebody.
		if now, err := openBundle(before, l.Bundle.Key); err == nil && next.serial <= now.serial {
			return false, fmt.Errorf("%w: serial %d, not above %d", ErrRollback, next.serial, now.serial)
		}
	case !errors.Is(err, fs.ErrNotExist):
		return false, err
	}
	files, problems := read(policies.FS, nil)
	if len(problems) == 0 {
		_, problems = compile(append(files, next.files...))
	}
	if len(problems) > 0 {
		return false, fmt.Errorf("the bundle can't be put in force: %w", asError(sorted(problems)))
	}
	return true, writeSynced(l.Dir, string(raw))
}

// PackBundle makes a bundle that lies in a folder, its signature included, the
// file that it would be. It verifies nothing.
func PackBundle(folder string) ([]byte, error) {
	root, err := os.OpenRoot(folder)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	w := tar.NewWriter(z)
	err = fs.WalkDir(root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if out.Len() > MaxBundle {
			return fmt.Errorf("the bundle is larger than %d bytes", MaxBundle)
		}
		b, err := fs.ReadFile(root.FS(), name)
		if err != nil {
			return err
		}
		if err := w.WriteHeader(&tar.Header{Name: "/" + name, Mode: 0o600, Size: int64(len(b)), Typeflag: tar.TypeReg}); err != nil {
			return err
		}
		_, err = w.Write(b)
		return err
	})
	if err = errors.Join(err, w.Close(), z.Close()); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}
