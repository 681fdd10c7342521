package server

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"path"
	"strings"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/ambithost/ambit/registry"
	"github.com/ambithost/ambit/registry/artifact"
	"github.com/ambithost/ambit/registry/trust"
	"github.com/ambithost/ambit/sdk/manifest"
)

var (
	// ErrMoved is the refusal to let a version become something else.
	ErrMoved = errors.New("server: the version is published and is something else; a version stays what it is")
	// ErrUnsigned is a version without a signature by its namespace's key.
	ErrUnsigned = errors.New("server: a version is taken once a signature by its namespace's key is there")
)

// judge says why a manifest may not be stored; nil if it may. s.mu is held.
func (s *Server) judge(repository, reference string, body []byte) error {
	namespace := path.Dir(repository)
	if namespace == "." {
		return fmt.Errorf("server: %q: want NAMESPACE/NAME", repository)
	}
	var m ocispec.Manifest
	if err := json.Unmarshal(body, &m); err != nil {
		return fmt.Errorf("server: manifest: %w", err)
	}
	digest := registry.Digest(body)
	byDigest := strings.Contains(reference, ":")
	switch {
	case byDigest && reference != digest:
		return fmt.Errorf("server: the manifest is %s, not %q", digest, reference)
	case m.Subject != nil && !byDigest:
		return errors.New("server: a signature has no tag")
	case m.Subject != nil:
		v, err := s.verify(repository, &m)
		if err != nil {
			return err
		}
		return s.claim(namespace, v)
	}
	o, err := artifact.Parse(body)
	if err != nil || byDigest {
		return err
	}
	if err := s.vacant(repository, reference, digest); err != nil {
		return err
	}
	return s.signed(repository, reference, o)
}

// claim lets a key have a namespace that is free, and one that it was handed over.
// What lies below another's namespace is not free; what somebody had before that
// stays theirs.
func (s *Server) claim(namespace string, v *trust.Verified) error {
	_, taken := s.book.Lookup(namespace)
	for above := path.Dir(namespace); above != "." && !taken; above = path.Dir(above) {
		if _, err := s.book.Judge(above, v); err != nil {
			return err
		}
	}
	return s.book.Remember(namespace, v, s.now())
}

// verify reads the bundle that a manifest attaches to a plugin of the repository.
func (s *Server) verify(repository string, m *ocispec.Manifest) (*trust.Verified, error) {
	if m.MediaType != ocispec.MediaTypeImageManifest || m.ArtifactType != trust.BundleType || len(m.Layers) != 1 || m.Layers[0].MediaType != trust.BundleType {
		return nil, fmt.Errorf("server: what is attached to a plugin here is a signature (%s)", trust.BundleType)
	}
	bundle, err := s.get(repository, "blobs", m.Layers[0].Digest.String(), trust.MaxBundle)
	if err != nil {
		return nil, err
	}
	v, err := trust.Verify(bundle, m.Subject.Digest.String())
	if err != nil {
		return nil, err
	}
	// The host is the name by which the publisher reaches us; a proxy may have another.
	if _, at, _ := strings.Cut(v.Release.Repository, "/"); at != repository {
		return nil, fmt.Errorf("%w: it is for %q, not for %q", trust.ErrSignature, v.Release.Repository, repository)
	}
	return v, nil
}

// vacant refuses a tag that is something else.
func (s *Server) vacant(repository, tag, digest string) error {
	old, err := s.get(repository, "manifests", tag, artifact.MaxManifest)
	if errors.Is(err, errNone) {
		return nil
	}
	if err == nil && registry.Digest(old) != digest {
		err = fmt.Errorf("%w (%s:%s is %s)", ErrMoved, repository, tag, registry.Digest(old))
	}
	return err
}

// signed looks for a signature by the namespace's key that says what plugin.yaml
// says, under this tag.
func (s *Server) signed(repository, tag string, o *artifact.Outline) error {
	text, err := s.get(repository, "blobs", o.Text.Digest.String(), o.Text.Size)
	if err != nil {
		return err
	}
	plugin, err := manifest.Parse(text)
	if err != nil {
		return fmt.Errorf("server: %w", err)
	}
	owner, ok := s.book.Lookup(path.Dir(repository))
	if !ok {
		return ErrUnsigned
	}
	list, err := s.get(repository, "referrers", o.Digest, maxReferrers)
	if err != nil {
		return err
	}
	var index ocispec.Index
	if err := json.Unmarshal(list, &index); err != nil {
		return fmt.Errorf("server: %w", err)
	}
	for _, d := range index.Manifests {
		var m ocispec.Manifest
		b, err := s.get(repository, "manifests", d.Digest.String(), artifact.MaxManifest)
		if err != nil || json.Unmarshal(b, &m) != nil || m.Subject == nil || m.Subject.Digest.String() != o.Digest {
			continue
		}
		v, err := s.verify(repository, &m)
		if err == nil && v.KeyID == owner.KeyID && plugin.Version == tag && path.Base(repository) == plugin.Name &&
			v.Release.Same(trust.ReleaseOf(plugin, v.Release.Repository)) {
			return nil
		}
	}
	return fmt.Errorf("%w (%s), for %s:%s and what its plugin.yaml asks for", ErrUnsigned, owner.KeyID, repository, tag)
}

const maxReferrers = 4 << 20 // bytes, of a list

var errNone = errors.New("server: there is none")

// get asks the store itself.
func (s *Server) get(repository, kind, what string, limit int64) ([]byte, error) {
	r, err := http.NewRequest(http.MethodGet, "/v2/"+repository+"/"+kind+"/"+what, http.NoBody) //nolint:gosec // it goes to our own store, over no network
	if err != nil {
		return nil, fmt.Errorf("server: %w", err)
	}
	r.Header["Accept"] = []string{ocispec.MediaTypeImageManifest, ocispec.MediaTypeImageIndex}
	a := answer{header: http.Header{}, status: http.StatusOK, limit: limit}
	s.store.ServeHTTP(&a, r)
	switch {
	case a.status == http.StatusNotFound:
		return nil, fmt.Errorf("%w: %s %.80q in %s", errNone, kind, what, repository)
	case a.status != http.StatusOK || a.over:
		return nil, fmt.Errorf("server: %s %.80q in %s: status %d, or more than %d bytes", kind, what, repository, a.status, limit)
	}
	return a.body.Bytes(), nil
}

// answer keeps what the store says, up to a limit.
type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
	limit  int64
	over   bool
}

func (a *answer) Header() http.Header    { return a.header }
func (a *answer) WriteHeader(status int) { a.status = status }

func (a *answer) Write(b []byte) (int, error) {
	if int64(a.body.Len()+len(b)) > a.limit {
		a.over = true
		return 0, errors.New("server: more than expected")
	}
	return a.body.Write(b)
}
