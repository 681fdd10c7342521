package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"
	"oras.land/oras-go/v2/registry/remote"
	"oras.land/oras-go/v2/registry/remote/auth"
	"oras.land/oras-go/v2/registry/remote/credentials"
)

// BundleLayer is the media type of the layer in which an OPA bundle lies in a
// registry (https://www.openpolicyagent.org/docs/management-bundles, OCI).
const BundleLayer = ocispec.MediaTypeImageLayerGzip

// maxManifest caps an OCI manifest in bytes; ours have a few hundred.
const maxManifest = 256 << 10

// maxPages is how many pages of a list are asked for.
const maxPages = 100

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
	client, done, err := o.client(ref.at.Host())
	if err != nil {
		return nil, nil, err
	}
	return &remote.Repository{
		Reference: ref.at, PlainHTTP: ref.origin().Scheme == "http", MaxMetadataBytes: maxManifest,
		ManifestMediaTypes: []string{ocispec.MediaTypeImageManifest}, Client: client, SkipReferrersGC: true,
		ReferrerListMaxPages: maxPages, TagListMaxPages: maxPages,
	}, done, nil
}

// client speaks to one registry, with the credentials that the owner has for it;
// done closes it.
func (o OCI) client(host string) (c *auth.Client, done func(), err error) {
	store, err := o.credentials(credentials.StoreOptions{})
	if err != nil {
		return nil, nil, err
	}
	lookUp, client := credentials.Credential(store), NewClient(originOf(host))
	return &auth.Client{
		Client: client, Cache: auth.NewCache(), ClientID: "ambit",
		BlockedRealmPrefixes: []netip.Prefix{}, // the client knows better: it dials
		Credential: func(ctx context.Context, hostport string) (auth.Credential, error) {
			if hostport != host {
				return auth.EmptyCredential, nil
			}
			return lookUp(ctx, hostport)
		},
	}, client.CloseIdleConnections, nil
}

// credentials is the file of the usual tools, or the helper that it names.
func (o OCI) credentials(options credentials.StoreOptions) (store *credentials.DynamicStore, err error) {
	if o.DockerConfig != "" {
		store, err = credentials.NewStore(o.DockerConfig, options)
	} else {
		store, err = credentials.NewStoreFromDocker(options)
	}
	if err != nil {
		return nil, fmt.Errorf("registry: credentials: %w", err)
	}
	return store, nil
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
