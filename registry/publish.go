package registry

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/errdef"
	"oras.land/oras-go/v2/registry/remote"

	"github.com/ambithost/ambit/registry/artifact"
	"github.com/ambithost/ambit/registry/trust"
)

// ErrMoved is the refusal to let a version's tag point to something else.
var ErrMoved = errors.New("registry: the version is published and is something else")

// Publish puts an artifact and its signature (nil: none) into a registry under a
// tag. The tag comes last, so that nobody finds what is half there; a tag that there is stays what
// it is. What is there already is not sent again.
func (o OCI) Publish(ctx context.Context, ref Reference, image *artifact.Image, bundle []byte) (created bool, err error) {
	repo, done, err := o.repository(ref)
	if err != nil {
		return false, err
	}
	defer done()
	if ref.Tag() == "" {
		return false, fmt.Errorf("registry: %s: publish under a version, not under a digest", ref)
	}
	created, err = vacant(ctx, repo, ref, image.Manifest.Digest.String())
	if err != nil {
		return false, err
	}
	for _, b := range image.Blobs {
		if err := pushBlob(ctx, repo, b); err != nil {
			return false, fmt.Errorf("registry: %s: a %s: %w", ref, b.MediaType, err)
		}
	}
	if err := repo.Manifests().Push(ctx, image.Manifest.Descriptor, bytes.NewReader(image.Manifest.Data)); err != nil {
		return false, fmt.Errorf("registry: %s: its manifest: %w", ref, err)
	}
	if bundle != nil {
		if err := pushSignature(ctx, repo, image.Manifest.Descriptor, bundle); err != nil {
			return false, fmt.Errorf("registry: %s: its signature: %w", ref, err)
		}
	}
	if !created {
		return false, nil
	}
	if err := repo.Tag(ctx, image.Manifest.Descriptor, ref.Tag()); err != nil {
		return false, fmt.Errorf("registry: %s: its tag: %w", ref, err)
	}
	return true, nil
}

// vacant reports whether a tag can be set: true if there is none, false if it is
// set to the digest already.
func vacant(ctx context.Context, repo *remote.Repository, ref Reference, digest string) (bool, error) {
	old, err := repo.Resolve(ctx, ref.Tag())
	switch {
	case errors.Is(err, errdef.ErrNotFound):
		return true, nil
	case err != nil:
		return false, fmt.Errorf("registry: %s: %w", ref, err)
	case old.Digest.String() != digest:
		return false, fmt.Errorf("%w: %s is %s, this is %s. Give what you changed a new version", ErrMoved, ref, old.Digest, digest)
	}
	return false, nil
}

func pushBlob(ctx context.Context, repo *remote.Repository, b artifact.Blob) error {
	there, err := repo.Blobs().Exists(ctx, b.Descriptor)
	if err != nil || there {
		return err
	}
	return repo.Blobs().Push(ctx, b.Descriptor, bytes.NewReader(b.Data))
}

// pushSignature attaches a bundle to an artifact: by the referrers API where the
// registry has it, and else by the tag that the specification has for that.
func pushSignature(ctx context.Context, repo *remote.Repository, subject ocispec.Descriptor, bundle []byte) error {
	signature, config := artifact.NewBlob(trust.BundleType, bundle), artifact.NewBlob(ocispec.MediaTypeEmptyJSON, []byte("{}"))
	subject.ArtifactType = "" // belongs to lists, not to a subject
	text, err := json.Marshal(ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest, ArtifactType: trust.BundleType,
		Config: config.Descriptor, Layers: []ocispec.Descriptor{signature.Descriptor}, Subject: &subject,
	})
	if err != nil {
		return err
	}
	if err := errors.Join(pushBlob(ctx, repo, config), pushBlob(ctx, repo, signature)); err != nil {
		return err
	}
	m := artifact.NewBlob(ocispec.MediaTypeImageManifest, text)
	return repo.Manifests().Push(ctx, m.Descriptor, bytes.NewReader(m.Data))
}
