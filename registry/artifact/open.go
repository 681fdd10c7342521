package artifact

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"unicode/utf8"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/ambithost/ambit/sdk/manifest"
)

// archived is the name of the one file in a native module's layer.
const archived = "module"

// Outline is an artifact of which only the OCI manifest was read.
type Outline struct {
	Digest  string // of the OCI manifest, "sha256:…"
	Runtime manifest.Runtime
	Text    ocispec.Descriptor // plugin.yaml
	Config  ocispec.Descriptor
	README  *ocispec.Descriptor // nil: none
	License *ocispec.Descriptor // nil: none

	annotations map[string]string
	modules     map[Platform]ocispec.Descriptor
	layers      []string
}

// Contents is what an artifact holds for one platform.
type Contents struct {
	Plugin
	Module []byte
	Config []byte // as it was published; see [Outline.Agrees]
}

// Parse reads an OCI manifest of at most [MaxManifest] bytes and refuses what is
// no plugin's: a layer of another type, a second one of a type, one that lies
// elsewhere, or one beyond its limit.
func Parse(b []byte) (*Outline, error) {
	if len(b) > MaxManifest {
		return nil, fmt.Errorf("artifact: its manifest has %d bytes, the limit is %d", len(b), MaxManifest)
	}
	var m ocispec.Manifest
	if err := json.Unmarshal(b, &m); err != nil {
		return nil, fmt.Errorf("artifact: its manifest: %w", err)
	}
	o := &Outline{Digest: digest.FromBytes(b).String(), Config: m.Config, annotations: m.Annotations, modules: map[Platform]ocispec.Descriptor{}}
	switch {
	case m.SchemaVersion != 2 || m.MediaType != ocispec.MediaTypeImageManifest:
		return nil, fmt.Errorf("artifact: is a %s; want a %s", quoted(m.MediaType), ocispec.MediaTypeImageManifest)
	case m.Subject != nil:
		return nil, errors.New("artifact: says that it is about another artifact; a plugin is not")
	case m.Config.MediaType == WasmConfig && m.ArtifactType == "":
		o.Runtime = manifest.Wasm
	case m.Config.MediaType == NativeConfig && m.ArtifactType == NativeType:
		o.Runtime = manifest.Native
	default:
		return nil, fmt.Errorf("artifact: holds no plugin (type %s, config %s)", quoted(m.ArtifactType), quoted(m.Config.MediaType))
	}
	if err := check(m.Config, MaxConfig); err != nil {
		return nil, err
	}
	for _, l := range m.Layers {
		if err := o.add(l); err != nil {
			return nil, err
		}
	}
	if o.Text.Digest == "" || len(o.modules) == 0 {
		return nil, errors.New("artifact: lacks a plugin.yaml or a module")
	}
	return o, nil
}

// add takes a layer.
func (o *Outline) add(l ocispec.Descriptor) error {
	twice := false
	limit, platform := int64(MaxText), Platform{}
	switch {
	case l.MediaType == PluginText:
		limit, twice = manifest.MaxBytes, o.Text.Digest != ""
		o.Text = l
	case l.MediaType == ReadmeText:
		twice = o.README != nil
		o.README = &l
	case l.MediaType == LicenseText:
		twice = o.License != nil
		o.License = &l
	case l.MediaType == WasmModule && o.Runtime == manifest.Wasm, l.MediaType == NativeModule && o.Runtime == manifest.Native:
		limit = MaxModule
		if o.Runtime == manifest.Native {
			platform = Platform{l.Annotations[OSAnnotation], l.Annotations[ArchitectureAnnotation]}
			if !word(platform.OS) || !word(platform.Architecture) {
				return fmt.Errorf("artifact: a module is for %s; want an operating system and an architecture", quoted(platform.String()))
			}
		}
		_, twice = o.modules[platform]
		o.modules[platform] = l
	default:
		return fmt.Errorf("artifact: has a layer of the type %s, which no plugin has", quoted(l.MediaType))
	}
	if twice {
		return fmt.Errorf("artifact: has two layers of the type %s where one is right", l.MediaType)
	}
	if len(o.modules) > MaxPlatforms {
		return fmt.Errorf("artifact: has modules for more than %d platforms", MaxPlatforms)
	}
	o.layers = append(o.layers, l.Digest.String())
	return check(l, limit)
}

// check holds a descriptor against a limit, and to this registry.
func check(d ocispec.Descriptor, limit int64) error {
	switch {
	case d.Digest.Validate() != nil || d.Digest.Algorithm() != digest.SHA256:
		return fmt.Errorf("artifact: digest %s: want sha256 and 64 hex digits", quoted(d.Digest.String()))
	case d.Size < 0 || d.Size > limit:
		return fmt.Errorf("artifact: a %s has %d bytes, the limit is %d", d.MediaType, d.Size, limit)
	case len(d.URLs) > 0:
		return fmt.Errorf("artifact: a %s lies elsewhere; want it in the same registry", d.MediaType)
	}
	return nil
}

// Module finds the layer for a platform; a Wasm module is for every one.
func (o *Outline) Module(p Platform) (ocispec.Descriptor, error) {
	if o.Runtime == manifest.Wasm {
		p = Platform{}
	}
	d, ok := o.modules[p]
	if !ok {
		return d, fmt.Errorf("%w: %s", ErrPlatform, p)
	}
	return d, nil
}

// Open gets the parts for one platform and holds each against the manifest: its
// digest, its size, the config's list, the plugin's name and version. get's
// answers are trusted in nothing.
func (o *Outline) Open(p Platform, get func(ocispec.Descriptor) ([]byte, error)) (*Contents, error) {
	c := &Contents{}
	parts := []struct {
		at *ocispec.Descriptor
		to *[]byte
	}{{&o.Config, &c.Config}, {&o.Text, &c.Text}, {o.README, &c.README}, {o.License, &c.License}}
	for _, part := range parts {
		if part.at == nil {
			continue
		}
		var err error
		if *part.to, err = fetch(*part.at, get); err != nil {
			return nil, err
		}
		if !utf8.Valid(*part.to) {
			return nil, fmt.Errorf("artifact: its %s is not text", part.at.MediaType)
		}
	}
	if err := o.identify(c); err != nil {
		return nil, err
	}
	layer, err := o.Module(p)
	if err != nil {
		return nil, err
	}
	if c.Module, err = fetch(layer, get); err != nil {
		return nil, err
	}
	if o.Runtime == manifest.Native {
		if c.Module, err = extract(c.Module); err != nil {
			return nil, err
		}
	}
	c.Modules = map[Platform][]byte{p: c.Module}
	return c, o.Agrees(c.Config, p, o.Text.Digest.String(), digest.FromBytes(c.Module).String())
}

// identify reads plugin.yaml and sees that the artifact is labelled with it.
func (o *Outline) identify(c *Contents) (err error) {
	if c.Manifest, err = manifest.Parse(c.Text); err != nil {
		return fmt.Errorf("artifact: plugin.yaml: %w", err)
	}
	if c.Manifest.Runtime != o.Runtime {
		return fmt.Errorf("artifact: is a %s plugin, and its plugin.yaml says %s", o.Runtime, c.Manifest.Runtime)
	}
	for key, want := range annotations(c.Manifest) {
		if got, ok := o.annotations[key]; ok && got != want {
			return fmt.Errorf("artifact: is labelled %s for %s, and its plugin.yaml says %s", quoted(got), key, quoted(want))
		}
	}
	return nil
}

// Agrees reports whether an artifact with that config holds, for a platform, a
// plugin.yaml and a module of these digests ("sha256:…").
func (o *Outline) Agrees(config []byte, p Platform, text, module string) error {
	if digest.FromBytes(config) != o.Config.Digest {
		return errors.New("artifact: the config is not the one that the manifest names")
	}
	layer, err := o.Module(p)
	if err != nil {
		return err
	}
	var c struct {
		Architecture string           `json:"architecture"`
		OS           string           `json:"os"`
		Platforms    []nativePlatform `json:"platforms"`
		LayerDigests []string         `json:"layerDigests"`
	}
	if err := json.Unmarshal(config, &c); err != nil {
		return fmt.Errorf("artifact: its config: %w", err)
	}
	if !slices.Equal(c.LayerDigests, o.layers) {
		return errors.New("artifact: its config names other layers than its manifest")
	}
	want := layer.Digest.String()
	if o.Runtime == manifest.Native {
		at := slices.IndexFunc(c.Platforms, func(n nativePlatform) bool { return n.Platform == p && n.Layer == layer.Digest.String() })
		if at < 0 {
			return fmt.Errorf("artifact: its config knows no module for %s", p)
		}
		want = c.Platforms[at].Module
	} else if c.Architecture != "wasm" || c.OS != "wasip1" {
		return fmt.Errorf("artifact: is for %s; want wasip1/wasm", quoted(c.OS+"/"+c.Architecture))
	}
	if module != want {
		return fmt.Errorf("artifact: the module is %s, its config says %s", module, quoted(want))
	}
	if text != o.Text.Digest.String() {
		return fmt.Errorf("artifact: plugin.yaml is %s, its manifest says %s", text, o.Text.Digest)
	}
	return nil
}

func fetch(d ocispec.Descriptor, get func(ocispec.Descriptor) ([]byte, error)) ([]byte, error) {
	b, err := get(d)
	if err != nil {
		return nil, err
	}
	if int64(len(b)) != d.Size || digest.FromBytes(b) != d.Digest {
		return nil, fmt.Errorf("artifact: a %s is not what the manifest's digest says (%s)", d.MediaType, d.Digest)
	}
	return b, nil
}

// extract takes the one file out of a native module's layer.
func extract(packed []byte) ([]byte, error) {
	limit := min(int64(len(packed))*MaxRatio, MaxModule)
	source := bytes.NewReader(packed)
	z, err := gzip.NewReader(source)
	if err != nil {
		return nil, fmt.Errorf("artifact: its module: %w", err)
	}
	z.Multistream(false)
	plain := &io.LimitedReader{R: z, N: limit + 8<<10} // what a tar adds
	t := tar.NewReader(plain)
	h, err := t.Next()
	if err != nil {
		return nil, fmt.Errorf("artifact: its module: %w", err)
	}
	switch {
	case h.Typeflag != tar.TypeReg || h.Name != archived || h.Format != tar.FormatUSTAR || h.Linkname != "":
		return nil, fmt.Errorf("artifact: its module's archive holds %s (type %q); want one regular file %q", quoted(h.Name), h.Typeflag, archived)
	case h.Size < 0 || h.Size > limit:
		return nil, fmt.Errorf("artifact: its module unpacks to %d bytes, the limit is %d", h.Size, limit)
	}
	module, err := io.ReadAll(t)
	if err != nil {
		return nil, fmt.Errorf("artifact: its module: %w", err)
	}
	if _, err := t.Next(); !errors.Is(err, io.EOF) {
		return nil, errors.Join(fmt.Errorf("artifact: its module's archive holds more than one file %q", archived), err)
	}
	rest, err := io.Copy(io.Discard, plain)
	if err != nil || rest > 0 || plain.N == 0 || source.Len() > 0 {
		return nil, errors.Join(errors.New("artifact: something follows its module in the archive"), err)
	}
	return module, nil
}

// quoted is a stranger's word, fit to stand in an error.
func quoted(s string) string { return fmt.Sprintf("%.80q", s) }
