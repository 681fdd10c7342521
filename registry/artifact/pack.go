package artifact

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/ambithost/ambit/sdk/manifest"
)

// Blob is some bytes and what a manifest says of them.
type Blob struct {
	ocispec.Descriptor
	Data []byte
}

// Image is a packed artifact.
type Image struct {
	Manifest Blob
	Blobs    []Blob // the config, then the layers in the manifest's order
}

// wasmConfig is the CNCF artifact's config.
type wasmConfig struct {
	Architecture string   `json:"architecture"`
	OS           string   `json:"os"`
	LayerDigests []string `json:"layerDigests"`
}

// nativeConfig says for each platform which layer holds its module, and the
// digest and size of the module when it is unpacked.
type nativeConfig struct {
	Platforms    []nativePlatform `json:"platforms"`
	LayerDigests []string         `json:"layerDigests"`
}

type nativePlatform struct {
	Platform
	Layer  string `json:"layer"`
	Module string `json:"module"`
	Size   int64  `json:"size"`
}

// NewBlob is some bytes of a media type.
func NewBlob(mediaType string, b []byte) Blob {
	return Blob{ocispec.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(b), Size: int64(len(b))}, b}
}

// Pack makes the artifact of a plugin. It is opened once before it is returned,
// so that nothing is published that nobody could install.
func Pack(p *Plugin) (*Image, error) {
	if len(p.Modules) == 0 {
		return nil, errors.New("artifact: there is no module")
	}
	var modules []Blob
	var config any
	var err error
	kind := WasmConfig
	m := ocispec.Manifest{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest, Annotations: annotations(p.Manifest)}
	texts := texts(p)
	if p.Manifest.Runtime == manifest.Native {
		m.ArtifactType, kind = NativeType, NativeConfig
		modules, config, err = packNative(p, texts)
	} else {
		modules = []Blob{NewBlob(WasmModule, p.Modules[Platform{}])}
		config = wasmConfig{Architecture: "wasm", OS: "wasip1", LayerDigests: digests(append(slices.Clone(modules), texts...))}
	}
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(config)
	if err != nil {
		return nil, fmt.Errorf("artifact: %w", err)
	}
	i := &Image{Blobs: append(append([]Blob{NewBlob(kind, text)}, modules...), texts...)}
	m.Config = i.Blobs[0].Descriptor
	for _, b := range i.Blobs[1:] {
		m.Layers = append(m.Layers, b.Descriptor)
	}
	if text, err = json.Marshal(m); err != nil {
		return nil, fmt.Errorf("artifact: %w", err)
	}
	i.Manifest = NewBlob(m.MediaType, text)
	i.Manifest.ArtifactType = m.ArtifactType
	return i, i.check(slices.Collect(maps.Keys(p.Modules)))
}

// check opens the artifact as whoever installs it does.
func (i *Image) check(platforms []Platform) error {
	o, err := Parse(i.Manifest.Data)
	if err != nil {
		return err
	}
	for _, p := range platforms {
		_, err := o.Open(p, func(d ocispec.Descriptor) ([]byte, error) {
			at := slices.IndexFunc(i.Blobs, func(b Blob) bool { return b.Digest == d.Digest })
			return i.Blobs[at].Data, nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func annotations(m *manifest.Manifest) map[string]string {
	out := map[string]string{ocispec.AnnotationTitle: m.Name, ocispec.AnnotationVersion: m.Version, ocispec.AnnotationDescription: m.Description}
	if m.License != "" {
		out[ocispec.AnnotationLicenses] = m.License
	}
	return out
}

// texts are the layers that are read and not run.
func texts(p *Plugin) []Blob {
	out := []Blob{NewBlob(PluginText, p.Text)}
	if len(p.README) > 0 {
		out = append(out, NewBlob(ReadmeText, p.README))
	}
	if len(p.License) > 0 {
		out = append(out, NewBlob(LicenseText, p.License))
	}
	return out
}

func digests(blobs []Blob) (out []string) {
	for _, b := range blobs {
		out = append(out, b.Digest.String())
	}
	return out
}

func packNative(p *Plugin, texts []Blob) (modules []Blob, config nativeConfig, err error) {
	platforms := slices.SortedFunc(maps.Keys(p.Modules), func(a, b Platform) int { return strings.Compare(a.String(), b.String()) })
	for _, on := range platforms {
		module := p.Modules[on]
		packed, err := archive(module)
		if err != nil {
			return nil, config, err
		}
		b := NewBlob(NativeModule, packed)
		b.Annotations = map[string]string{OSAnnotation: on.OS, ArchitectureAnnotation: on.Architecture}
		modules = append(modules, b)
		config.Platforms = append(config.Platforms, nativePlatform{on, b.Digest.String(), digest.FromBytes(module).String(), int64(len(module))})
	}
	config.LayerDigests = digests(append(slices.Clone(modules), texts...))
	return modules, config, nil
}

// archive packs a module as the one file of a tar.gz.
func archive(module []byte) ([]byte, error) {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	t := tar.NewWriter(z)
	err := t.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: archived, Mode: 0o755, Size: int64(len(module)), Format: tar.FormatUSTAR})
	if err == nil {
		_, err = t.Write(module)
	}
	if err := errors.Join(err, t.Close(), z.Close()); err != nil {
		return nil, fmt.Errorf("artifact: %w", err)
	}
	return b.Bytes(), nil
}

// WriteLayout writes the artifact as a tar of an OCI image layout, tagged with
// the plugin's version (https://github.com/opencontainers/image-spec, image-layout).
func (i *Image) WriteLayout(w io.Writer) error {
	var m ocispec.Manifest
	if err := json.Unmarshal(i.Manifest.Data, &m); err != nil {
		return fmt.Errorf("artifact: %w", err)
	}
	entry := i.Manifest.Descriptor
	entry.Annotations = map[string]string{ocispec.AnnotationRefName: m.Annotations[ocispec.AnnotationVersion]}
	index, err := json.Marshal(ocispec.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageIndex, Manifests: []ocispec.Descriptor{entry}})
	if err != nil {
		return fmt.Errorf("artifact: %w", err)
	}
	files := map[string][]byte{
		ocispec.ImageLayoutFile: []byte(`{"imageLayoutVersion":"` + ocispec.ImageLayoutVersion + `"}`),
		ocispec.ImageIndexFile:  index,
	}
	for _, b := range append([]Blob{i.Manifest}, i.Blobs...) {
		files["blobs/sha256/"+b.Digest.Encoded()] = b.Data
	}
	t := tar.NewWriter(w)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		h := &tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: int64(len(files[name])), Format: tar.FormatUSTAR}
		if err := t.WriteHeader(h); err != nil {
			return fmt.Errorf("artifact: %w", err)
		}
		if _, err := t.Write(files[name]); err != nil {
			return fmt.Errorf("artifact: %w", err)
		}
	}
	if err := t.Close(); err != nil {
		return fmt.Errorf("artifact: %w", err)
	}
	return nil
}
