package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strings"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"
	"oras.land/oras-go/v2/registry"
	"oras.land/oras-go/v2/registry/remote"
	"oras.land/oras-go/v2/registry/remote/auth"
	"oras.land/oras-go/v2/registry/remote/credentials"
)

// BundleLayer is the media type of the layer in which an OPA bundle lies in a
// registry (https://www.openpolicyagent.org/docs/management-bundles, OCI).
const BundleLayer = ocispec.MediaTypeImageLayerGzip

// maxManifest caps an OCI manifest in bytes; ours have a few hundred.
const maxManifest = 256 << 10

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

// String is the reference as it is written.
func (r Reference) String() string { return ociScheme + r.at.String() }

// origin is where the registry answers: by https, on this machine by http.
func (r Reference) origin() *url.URL {
	u := &url.URL{Scheme: "https", Host: r.at.Host()}
	if IsHere(u.Hostname()) {
		u.Scheme = "http"
	}
	return u
}

// OCI reads from OCI registries. The zero value is ready.
type OCI struct {
	// DockerConfig is the file with the credentials for registries; empty: the
	// usual one ($DOCKER_CONFIG or ~/.docker). A helper that it names is run.
	DockerConfig string
}

// Layer gets the one layer of a media type that an artifact has. It is what the
// manifest's digest says, to the byte, and at most limit bytes long; what the tag
// points to, nobody vouches for: whoever needs more must verify a signature in it.
func (o OCI) Layer(ctx context.Context, ref Reference, mediaType string, limit int64) ([]byte, error) {
	repo, done, err := o.repository(ref)
	if err != nil {
		return nil, err
	}
	defer done()
	layer, err := findLayer(ctx, repo, ref, mediaType)
	if err != nil {
		return nil, fmt.Errorf("registry: %s: %w", ref, err)
	}
	if layer.Size < 0 || layer.Size > limit {
		return nil, fmt.Errorf("registry: %s: its layer has %d bytes, the limit is %d", ref, layer.Size, limit)
	}
	b, err := content.FetchAll(ctx, repo.Blobs(), layer)
	if err != nil {
		return nil, fmt.Errorf("registry: %s: its layer: %w", ref, err)
	}
	return b, nil
}

// repository is a repository with a client of its own; done closes it.
func (o OCI) repository(ref Reference) (repo *remote.Repository, done func(), err error) {
	store, err := credentials.NewStoreFromDocker(credentials.StoreOptions{})
	if o.DockerConfig != "" {
		store, err = credentials.NewStore(o.DockerConfig, credentials.StoreOptions{})
	}
	if err != nil {
		return nil, nil, fmt.Errorf("registry: credentials: %w", err)
	}
	origin, lookUp := ref.origin(), credentials.Credential(store)
	client := NewClient(origin)
	return &remote.Repository{
		Reference: ref.at, PlainHTTP: origin.Scheme == "http", MaxMetadataBytes: maxManifest,
		ManifestMediaTypes: []string{ocispec.MediaTypeImageManifest},
		Client: &auth.Client{
			Client: client, Cache: auth.NewCache(), ClientID: "ambit",
			BlockedRealmPrefixes: []netip.Prefix{}, // the client knows better: it dials
			Credential: func(ctx context.Context, hostport string) (auth.Credential, error) {
				if hostport != ref.at.Host() {
					return auth.EmptyCredential, nil
				}
				return lookUp(ctx, hostport)
			},
		},
	}, client.CloseIdleConnections, nil
}

// findLayer reads the artifact's manifest.
func findLayer(ctx context.Context, repo *remote.Repository, ref Reference, mediaType string) (found ocispec.Descriptor, err error) {
	desc, body, err := repo.Manifests().FetchReference(ctx, ref.at.Reference)
	if err != nil {
		return found, err
	}
	defer body.Close()
	if desc.MediaType != ocispec.MediaTypeImageManifest {
		return found, fmt.Errorf("is a %s; want a %s", quoted(desc.MediaType), ocispec.MediaTypeImageManifest)
	}
	if desc.Size > maxManifest {
		return found, fmt.Errorf("its manifest has %d bytes, the limit is %d", desc.Size, maxManifest)
	}
	b, err := content.ReadAll(body, desc)
	if err != nil {
		return found, fmt.Errorf("its manifest: %w", err)
	}
	var m ocispec.Manifest
	if err := json.Unmarshal(b, &m); err != nil {
		return found, fmt.Errorf("its manifest: %w", err)
	}
	n := 0
	for _, l := range m.Layers {
		if l.MediaType == mediaType {
			found, n = l, n+1
		}
	}
	switch {
	case n == 0:
		return found, fmt.Errorf("has no layer of the type %s", mediaType)
	case n > 1:
		return found, fmt.Errorf("has %d layers of the type %s, want one", n, mediaType)
	}
	return found, errors.Join(found.Digest.Validate())
}

// quoted is a server's word, fit to stand in an error.
func quoted(s string) string { return fmt.Sprintf("%.80q", s) }
