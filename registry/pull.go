package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/mod/semver"
	"oras.land/oras-go/v2/content"
	"oras.land/oras-go/v2/registry/remote"
	"oras.land/oras-go/v2/registry/remote/auth"

	"github.com/ambithost/ambit/registry/artifact"
	"github.com/ambithost/ambit/registry/trust"
	"github.com/ambithost/ambit/sdk/manifest"
)

// maxSignatures is how many signatures of one artifact are looked at, and maxTags
// how many tags of a repository.
const (
	maxSignatures = 16
	maxTags       = 10_000
)

// ErrSignatures is an artifact whose signatures, all of them, do not hold.
var ErrSignatures = errors.New("registry: its signature does not hold")

// Fetched is a plugin that came from a registry: what its bytes prove, and nothing
// about who may sign for whom.
type Fetched struct {
	Ref      Reference
	Digest   string // of the OCI manifest
	Platform artifact.Platform
	Contents *artifact.Contents
	OCI      []byte            // the OCI manifest
	Signed   []SignedBy        // by each key once, in the registry's order
	Keyless  bool              // it has a signature that this build can't verify
	Outline  *artifact.Outline // of OCI
}

// SignedBy is a signature that holds.
type SignedBy struct {
	*trust.Verified
	Bundle []byte
}

// PullOptions say how a plugin is fetched.
type PullOptions struct {
	// Platform is whose module is taken of a native plugin; zero: this machine's.
	Platform artifact.Platform
	// Parts is an existing folder for what came of a module before the line was
	// cut; the next Pull goes on from there.
	Parts string
	// Progress is told of bytes of the module that are there and that there will
	// be; nil: nobody.
	Progress func(done, all int64)
}

// Resolve asks which digest a reference stands for.
func (o OCI) Resolve(ctx context.Context, ref Reference) (string, error) {
	repo, done, err := o.repository(ref)
	if err != nil {
		return "", err
	}
	defer done()
	desc, err := repo.Resolve(ctx, ref.at.Reference)
	if err != nil {
		return "", fmt.Errorf("registry: %s: %w", ref, err)
	}
	return desc.Digest.String(), nil
}

// Versions lists the tags of a repository that are semantic versions, the newest
// first.
func (o OCI) Versions(ctx context.Context, ref Reference) (versions []string, err error) {
	repo, done, err := o.repository(ref)
	if err != nil {
		return nil, err
	}
	defer done()
	n := 0
	err = repo.Tags(ctx, "", func(tags []string) error {
		if n += len(tags); n > maxTags {
			return fmt.Errorf("more than %d tags", maxTags)
		}
		for _, t := range tags {
			if semver.IsValid("v"+t) && semver.Canonical("v"+t) == "v"+t { // a tag has no "+"
				versions = append(versions, t)
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("registry: %s: its versions: %w", ref.Repository(), err)
	}
	slices.SortFunc(versions, func(a, b string) int { return semver.Compare("v"+b, "v"+a) })
	return versions, nil
}

// Pull fetches a plugin and all signatures that hold, and holds them against each
// other: name and version against the reference, what is signed against what is in
// it.
func (o OCI) Pull(ctx context.Context, ref Reference, opts PullOptions) (*Fetched, error) {
	repo, done, err := o.repository(ref)
	if err != nil {
		return nil, err
	}
	defer done()
	if opts.Platform == (artifact.Platform{}) {
		opts.Platform = artifact.Platform{OS: runtime.GOOS, Architecture: runtime.GOARCH}
	}
	f := &Fetched{Ref: ref, Platform: opts.Platform}
	desc, err := f.manifest(ctx, repo)
	if err != nil {
		return nil, fmt.Errorf("registry: %s: %w", ref, err)
	}
	module, err := f.Outline.Module(opts.Platform)
	if err != nil {
		return nil, fmt.Errorf("registry: %s: %w", ref, err)
	}
	d := download{client: repo.Client.(*auth.Client), ref: ref, dir: opts.Parts} // as [OCI.repository] made it
	f.Contents, err = f.Outline.Open(opts.Platform, func(b ocispec.Descriptor) ([]byte, error) {
		d.progress = nil
		if b.Digest == module.Digest && opts.Progress != nil {
			opts.Progress(0, b.Size)
			d.progress = func(done int64) { opts.Progress(done, b.Size) }
		}
		return d.get(ctx, b)
	})
	if err != nil {
		return nil, fmt.Errorf("registry: %s: %w", ref, err)
	}
	if err := f.signatures(ctx, repo, desc); err != nil {
		return nil, fmt.Errorf("registry: %s: %w", ref, err)
	}
	return f, ref.Fits(f.Contents.Manifest)
}

// manifest fetches the OCI manifest.
func (f *Fetched) manifest(ctx context.Context, repo *remote.Repository) (ocispec.Descriptor, error) {
	desc, b, err := readManifest(ctx, repo, f.Ref.at.Reference)
	if err != nil {
		return desc, err
	}
	f.OCI = b
	if f.Outline, err = artifact.Parse(b); err != nil {
		return desc, err
	}
	f.Digest = f.Outline.Digest
	if f.Ref.Tag() == "" && f.Digest != f.Ref.at.Reference {
		return desc, fmt.Errorf("digest mismatch: what came is %s", f.Digest)
	}
	return desc, nil
}

// readManifest reads an image manifest of at most maxManifest bytes.
func readManifest(ctx context.Context, repo *remote.Repository, reference string) (desc ocispec.Descriptor, b []byte, err error) {
	desc, body, err := repo.Manifests().FetchReference(ctx, reference)
	if err != nil {
		return desc, nil, err
	}
	defer body.Close()
	if desc.MediaType != ocispec.MediaTypeImageManifest {
		return desc, nil, fmt.Errorf("is a %s; want a %s", quoted(desc.MediaType), ocispec.MediaTypeImageManifest)
	}
	if desc.Size > maxManifest {
		return desc, nil, fmt.Errorf("its manifest has %d bytes, the limit is %d", desc.Size, maxManifest)
	}
	if b, err = content.ReadAll(body, desc); err != nil {
		return desc, nil, fmt.Errorf("its manifest: %w", err)
	}
	return desc, b, nil
}

// Fits holds a plugin against the name that it is published under.
func (r Reference) Fits(m *manifest.Manifest) error {
	if m.Name != r.Name() {
		return fmt.Errorf("registry: %s holds a plugin called %s", r, m.Name)
	}
	if tag := r.Tag(); semver.IsValid("v"+tag) && tag != m.Version {
		return fmt.Errorf("registry: %s holds the version %s: the tag is another version's", r, m.Version)
	}
	return nil
}

// signatures collects the signatures that hold. Some that do not hold beside one
// that does are somebody's noise; none that holds, where there are some, is an
// attack or damage and never the same as no signature.
func (f *Fetched) signatures(ctx context.Context, repo *remote.Repository, subject ocispec.Descriptor) error {
	var found []ocispec.Descriptor
	// Without a filter: one registry lists each by the type of its config.
	err := repo.Referrers(ctx, subject, "", func(list []ocispec.Descriptor) error {
		for _, d := range list {
			if (d.ArtifactType == trust.BundleType || d.ArtifactType == ocispec.MediaTypeEmptyJSON) && len(found) < maxSignatures {
				found = append(found, d)
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("its signatures: %w", err)
	}
	want := trust.ReleaseOf(f.Contents.Manifest, f.Ref.Repository())
	var bad error
	for _, d := range found {
		bundle, err := readBundle(ctx, repo, d, f.Digest)
		if err == nil && bundle == nil {
			continue
		}
		if err == nil {
			err = f.add(bundle, want)
		}
		switch {
		case err == nil:
		case errors.Is(err, trust.ErrKeyless):
			f.Keyless = true
		case ctx.Err() != nil:
			return ctx.Err()
		default:
			bad = errors.Join(bad, err)
		}
	}
	if len(f.Signed) == 0 && bad != nil {
		return fmt.Errorf("%w: %w", ErrSignatures, bad)
	}
	return nil
}

func (f *Fetched) add(bundle []byte, want trust.Release) error {
	v, err := trust.Verify(bundle, f.Digest)
	if err != nil {
		return err
	}
	if !v.Release.Same(want) {
		return fmt.Errorf("%w: it is for %s %s in %s, or for other capabilities than plugin.yaml names", trust.ErrSignature,
			quoted(v.Release.Name), quoted(v.Release.Version), quoted(v.Release.Repository))
	}
	if !slices.ContainsFunc(f.Signed, func(s SignedBy) bool { return s.KeyID == v.KeyID }) {
		f.Signed = append(f.Signed, SignedBy{v, bundle})
	}
	return nil
}

// readBundle fetches what a referrer holds; nil if it is no signature.
func readBundle(ctx context.Context, repo *remote.Repository, d ocispec.Descriptor, subject string) ([]byte, error) {
	if err := d.Digest.Validate(); err != nil {
		return nil, fmt.Errorf("signature: %w", err)
	}
	_, b, err := readManifest(ctx, repo, d.Digest.String())
	if err != nil {
		return nil, fmt.Errorf("signature: %w", err)
	}
	var m ocispec.Manifest
	if err := json.Unmarshal(b, &m); err != nil {
		return nil, fmt.Errorf("signature: %w", err)
	}
	switch {
	case m.ArtifactType != trust.BundleType:
		return nil, nil
	case digest.FromBytes(b) != d.Digest:
		return nil, errors.New("signature: digest mismatch")
	case m.Subject == nil || m.Subject.Digest.String() != subject:
		return nil, fmt.Errorf("%w: it is attached to another artifact", trust.ErrSignature)
	case len(m.Layers) != 1 || m.Layers[0].MediaType != trust.BundleType || m.Layers[0].Digest.Validate() != nil:
		return nil, errors.New("signature: want one bundle in it")
	case m.Layers[0].Size < 0 || m.Layers[0].Size > trust.MaxBundle:
		return nil, fmt.Errorf("signature: it has %d bytes, the limit is %d", m.Layers[0].Size, trust.MaxBundle)
	}
	b, err = content.FetchAll(ctx, repo.Blobs(), m.Layers[0])
	if err != nil {
		return nil, fmt.Errorf("signature: %w", err)
	}
	return b, nil
}

// Judge picks, among the signatures that hold, the one by the key that speaks for
// the publisher, and says how it stands; nil is none. A publisher who is new and
// whose plugin several keys have signed can't be told from somebody who added a
// signature, and is refused.
func (f *Fetched) Judge(book *trust.Book) (*SignedBy, trust.Standing, error) {
	if len(f.Signed) == 0 {
		standing, err := book.Judge(f.Ref.Namespace(), nil)
		return nil, standing, err
	}
	var errs error
	var fresh []*SignedBy
	for i := range f.Signed {
		standing, err := book.Judge(f.Ref.Namespace(), f.Signed[i].Verified)
		switch {
		case err != nil:
			errs = errors.Join(errs, err)
		case standing == trust.New:
			fresh = append(fresh, &f.Signed[i])
		default:
			return &f.Signed[i], standing, nil
		}
	}
	if len(fresh) == 1 {
		return fresh[0], trust.New, nil
	}
	if len(fresh) > 1 {
		var ids []string
		for _, s := range fresh {
			ids = append(ids, s.KeyID)
		}
		errs = fmt.Errorf("registry: %s is signed by %d keys, and none of them is known for %s: %s", f.Ref, len(fresh), f.Ref.Namespace(), strings.Join(ids, ", "))
	}
	return nil, "", errs
}
