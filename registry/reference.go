package registry

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"oras.land/oras-go/v2/registry"

	"github.com/ambithost/ambit/sdk/manifest"
)

const ociScheme = "oci://"

// Reference names an artifact in an OCI registry.
type Reference struct{ at registry.Reference }

// IsReference reports whether a text means an artifact in an OCI registry.
func IsReference(s string) bool { return strings.HasPrefix(s, ociScheme) }

// ParseReference reads "oci://host[:port]/repository:tag", or with "@sha256:…"
// in the place of the tag. There is no default of any part.
func ParseReference(s string) (Reference, error) {
	rest, ok := strings.CutPrefix(s, ociScheme)
	if !ok {
		return Reference{}, fmt.Errorf("registry: %q: want oci://host/repository:tag", s)
	}
	at, err := registry.ParseReference(rest)
	if err != nil {
		return Reference{}, fmt.Errorf("registry: %w; want oci://host/repository:tag", err)
	}
	if at.Reference == "" {
		return Reference{}, fmt.Errorf("registry: %q names no tag and no digest; want oci://host/repository:tag", s)
	}
	return Reference{at}, nil
}

// ParsePlugin reads "HOST[:PORT]/NAMESPACE/NAME:VERSION", or "@sha256:…" in the
// place of the version; "oci://" may stand before it. HOST has a dot, a port, or is
// localhost, as with other tools: "acme/weather:1" names none.
func ParsePlugin(s string) (Reference, error) {
	const want = "want HOST/NAMESPACE/NAME:VERSION"
	text := strings.TrimPrefix(s, ociScheme)
	host, _, _ := strings.Cut(text, "/")
	if !strings.ContainsAny(host, ".:") && host != "localhost" {
		return Reference{}, fmt.Errorf("registry: %.200q names no registry; %s", s, want)
	}
	if host != strings.ToLower(host) || strings.HasSuffix(host, ":443") || strings.HasSuffix(host, ".") {
		// A publisher is known by how it is written, and so it is written in one way.
		return Reference{}, fmt.Errorf("registry: %.200q: want the host in lower case, without :443 and without a dot at its end", s)
	}
	r, err := ParseReference(ociScheme + text)
	if err != nil {
		return r, fmt.Errorf("%w (%s)", err, want)
	}
	if r.Namespace() == r.at.Registry {
		return r, fmt.Errorf("registry: %.200q has no namespace; %s", s, want)
	}
	if err := manifest.CheckName(r.Name()); err != nil {
		return r, fmt.Errorf("registry: %.200q: %w; %s", s, err, want)
	}
	return r, nil
}

// String is the reference as it is written.
func (r Reference) String() string { return ociScheme + r.at.String() }

// Short is the reference without "oci://".
func (r Reference) Short() string { return r.at.String() }

// Repository is "host[:port]/namespace/name".
func (r Reference) Repository() string { return r.at.Registry + "/" + r.at.Repository }

// Namespace is the publisher: the repository without its last part.
func (r Reference) Namespace() string {
	repository := r.Repository()
	return repository[:strings.LastIndexByte(repository, '/')]
}

// Name is the last part of the repository.
func (r Reference) Name() string {
	repository := r.Repository()
	return repository[strings.LastIndexByte(repository, '/')+1:]
}

// Tag is the tag; empty in a reference by digest.
func (r Reference) Tag() string {
	if strings.Contains(r.at.Reference, ":") {
		return ""
	}
	return r.at.Reference
}

// At is the same repository at another tag or digest.
func (r Reference) At(tagOrDigest string) (Reference, error) {
	r.at.Reference = tagOrDigest
	if err := errors.Join(r.at.Validate()); err != nil || tagOrDigest == "" {
		return r, fmt.Errorf("registry: %.80q is no tag and no digest", tagOrDigest)
	}
	return r, nil
}

// origin is where the registry answers: by https, on this machine by http.
func (r Reference) origin() *url.URL { return originOf(r.at.Host()) }

func originOf(host string) *url.URL {
	u := &url.URL{Scheme: "https", Host: host}
	if IsHere(u.Hostname()) {
		u.Scheme = "http"
	}
	return u
}
