package artifact

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

const wasmText = `manifest: 1
name: weather
version: 1.2.0
description: Forecasts for a place.
license: Apache-2.0
runtime: wasm
module: weather.wasm
kinds: [tool]
tools: [{name: forecast, description: Tell the weather., input: {type: object}}]
requires: [{capability: http.request, scope: {hosts: [api.example.org]}, reason: fetches the forecast}]
`

var nativeText = strings.NewReplacer("runtime: wasm", "runtime: native", "weather.wasm", "weather").Replace(wasmText)

// folder writes files and returns where.
func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func wasmFolder(t *testing.T) string {
	return folder(t, map[string]string{"plugin.yaml": wasmText, "weather.wasm": "\x00asm", "README.md": "# Weather\n", "LICENSE": "text", "ignored": "x"})
}

func nativeFolder(t *testing.T) string {
	return folder(t, map[string]string{"plugin.yaml": nativeText, "weather-linux-amd64": strings.Repeat("ELF", 100), "weather-darwin-arm64": "Mach-O", "weather-notes.txt": "x"})
}

func pack(t *testing.T, dir string) *Image {
	t.Helper()
	p, err := Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	i, err := Pack(p)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// from answers with an image's blobs.
func from(i *Image) func(ocispec.Descriptor) ([]byte, error) {
	return func(d ocispec.Descriptor) ([]byte, error) {
		at := slices.IndexFunc(i.Blobs, func(b Blob) bool { return b.Digest == d.Digest })
		if at < 0 {
			return nil, errors.New("no such blob")
		}
		return i.Blobs[at].Data, nil
	}
}

func TestSameFolderSameBytes(t *testing.T) {
	t.Parallel()
	for name, make := range map[string]func(*testing.T) string{"wasm": wasmFolder, "native": nativeFolder} {
		var a, b bytes.Buffer
		if err := errors.Join(pack(t, make(t)).WriteLayout(&a), pack(t, make(t)).WriteLayout(&b)); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(a.Bytes(), b.Bytes()) {
			t.Errorf("%s: the same files make two artifacts", name)
		}
		if strings.Contains(a.String(), "created") {
			t.Errorf("%s: there is a time in it", name)
		}
	}
}

// The layout is what other tools read.
func TestLayout(t *testing.T) {
	t.Parallel()
	i := pack(t, wasmFolder(t))
	var b bytes.Buffer
	if err := i.WriteLayout(&b); err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for r := tar.NewReader(&b); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if files[h.Name], err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
	}
	var index ocispec.Index
	if err := json.Unmarshal(files["index.json"], &index); err != nil || len(index.Manifests) != 1 || index.Manifests[0].Digest != i.Manifest.Digest || index.Manifests[0].Annotations[ocispec.AnnotationRefName] != "1.2.0" {
		t.Errorf("index.json: %s, %v", files["index.json"], err)
	}
	if string(files["oci-layout"]) != `{"imageLayoutVersion":"1.0.0"}` || len(files) != 2+6 {
		t.Errorf("files: %v", slices.Sorted(maps.Keys(files)))
	}
	for name, b := range files {
		if hexed, ok := strings.CutPrefix(name, "blobs/sha256/"); ok && digest.FromBytes(b).Encoded() != hexed {
			t.Errorf("%s is something else", name)
		}
	}
	var m ocispec.Manifest
	if err := json.Unmarshal(i.Manifest.Data, &m); err != nil {
		t.Fatal(err)
	}
	var types []string
	for _, l := range m.Layers {
		types = append(types, l.MediaType)
	}
	if m.Config.MediaType != WasmConfig || !slices.Equal(types, []string{WasmModule, PluginText, ReadmeText, LicenseText}) {
		t.Errorf("config %s, layers %v", m.Config.MediaType, types)
	}
}

func TestOpen(t *testing.T) {
	t.Parallel()
	linux := Platform{"linux", "amd64"}
	for name, c := range map[string]struct {
		dir      string
		platform Platform
		module   string
		readme   string
	}{
		"wasm":        {wasmFolder(t), linux, "\x00asm", "# Weather\n"},
		"native":      {nativeFolder(t), linux, strings.Repeat("ELF", 100), ""},
		"another one": {nativeFolder(t), Platform{"darwin", "arm64"}, "Mach-O", ""},
	} {
		i := pack(t, c.dir)
		o, err := Parse(i.Manifest.Data)
		if err != nil {
			t.Fatal(err)
		}
		got, err := o.Open(c.platform, from(i))
		if err != nil {
			t.Fatal(name, err)
		}
		if string(got.Module) != c.module || string(got.README) != c.readme || got.Manifest.Name != "weather" || o.Digest != i.Manifest.Digest.String() {
			t.Errorf("%s: module %.20q, README %q", name, got.Module, got.README)
		}
	}
	i := pack(t, nativeFolder(t))
	o, err := Parse(i.Manifest.Data)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := o.Open(Platform{"plan9", "386"}, from(i)); !errors.Is(err, ErrPlatform) {
		t.Errorf("for another system: %v", err)
	}
}

// What a folder can't bring into an artifact.
func TestReadRefuses(t *testing.T) {
	t.Parallel()
	outside := filepath.Join(folder(t, map[string]string{"secret": "x"}), "secret")
	link := func(name string) string {
		dir := wasmFolder(t)
		if err := errors.Join(os.Remove(filepath.Join(dir, name)), os.Symlink(outside, filepath.Join(dir, name))); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	for name, dir := range map[string]string{
		"no plugin.yaml":     t.TempDir(),
		"no module":          folder(t, map[string]string{"plugin.yaml": wasmText}),
		"a linked module":    link("weather.wasm"),
		"a linked README":    link("README.md"),
		"a large licence":    folder(t, map[string]string{"plugin.yaml": wasmText, "weather.wasm": "x", "LICENSE": strings.Repeat("x", MaxText+1)}),
		"a damaged manifest": folder(t, map[string]string{"plugin.yaml": "name: 1", "weather.wasm": "x"}),
	} {
		if p, err := Read(dir); err == nil {
			t.Errorf("%s: was read: %+v", name, p.Manifest)
		}
	}
	p, err := Read(folder(t, map[string]string{"plugin.yaml": wasmText, "weather.wasm": "x", "README.md": "\xff\xfe"}))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Pack(p); err == nil {
		t.Error("a README that is no text was packed")
	}
}

// Attacks on the OCI manifest and what it names: each is refused.
func TestHostileManifest(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(m *ocispec.Manifest){
		"an oversized layer":          func(m *ocispec.Manifest) { m.Layers[0].Size = MaxModule + 1 },
		"a layer of negative size":    func(m *ocispec.Manifest) { m.Layers[0].Size = -1 },
		"an oversized config":         func(m *ocispec.Manifest) { m.Config.Size = MaxConfig + 1 },
		"an oversized README":         func(m *ocispec.Manifest) { m.Layers[2].Size = MaxText + 1 },
		"a digest that is a path":     func(m *ocispec.Manifest) { m.Layers[0].Digest = "sha256:../../../etc/passwd" },
		"a digest of another kind":    func(m *ocispec.Manifest) { m.Layers[0].Digest = digest.Digest("sha512:" + strings.Repeat("a", 128)) },
		"a layer that lies elsewhere": func(m *ocispec.Manifest) { m.Layers[0].URLs = []string{"https://10.0.0.1/"} },
		"a layer more":                func(m *ocispec.Manifest) { m.Layers = append(m.Layers, m.Layers[0]) },
		"a second plugin.yaml":        func(m *ocispec.Manifest) { m.Layers = append(m.Layers, m.Layers[1]) },
		"a layer of another type":     func(m *ocispec.Manifest) { m.Layers[2].MediaType = "application/x-sh" },
		"no module":                   func(m *ocispec.Manifest) { m.Layers = m.Layers[1:] },
		"no plugin.yaml":              func(m *ocispec.Manifest) { m.Layers = m.Layers[:1] },
		"an image":                    func(m *ocispec.Manifest) { m.Config.MediaType = ocispec.MediaTypeImageConfig },
		"a native one in wasm's type": func(m *ocispec.Manifest) { m.ArtifactType = NativeType },
		"an index":                    func(m *ocispec.Manifest) { m.MediaType = ocispec.MediaTypeImageIndex },
		"one about another":           func(m *ocispec.Manifest) { m.Subject = &ocispec.Descriptor{} },
		"labelled as another":         func(m *ocispec.Manifest) { m.Annotations[ocispec.AnnotationTitle] = "bank" },
		"labelled as another version": func(m *ocispec.Manifest) { m.Annotations[ocispec.AnnotationVersion] = "9.0.0" },
		"other layers than the config": func(m *ocispec.Manifest) {
			m.Layers[2], m.Layers[3] = m.Layers[3], m.Layers[2]
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			i := pack(t, wasmFolder(t))
			var m ocispec.Manifest
			if err := json.Unmarshal(i.Manifest.Data, &m); err != nil {
				t.Fatal(err)
			}
			change(&m)
			b, err := json.Marshal(m)
			if err != nil {
				t.Fatal(err)
			}
			o, err := Parse(b)
			if err == nil {
				_, err = o.Open(Platform{}, from(i))
			}
			if err == nil {
				t.Error("was opened")
			}
		})
	}
	if _, err := Parse(make([]byte, MaxManifest+1)); err == nil {
		t.Error("a large manifest was read")
	}
}

// A registry that answers with other bytes than were asked for.
func TestTamperedLayer(t *testing.T) {
	t.Parallel()
	i := pack(t, wasmFolder(t))
	o, err := Parse(i.Manifest.Data)
	if err != nil {
		t.Fatal(err)
	}
	for n := range i.Blobs {
		for name, change := range map[string]func([]byte) []byte{
			"changed": func(b []byte) []byte { b = bytes.Clone(b); b[len(b)-1]++; return b }, "cut": func(b []byte) []byte { return b[:len(b)-1] },
			"longer": func(b []byte) []byte { return append(bytes.Clone(b), ' ') }, "empty": func([]byte) []byte { return nil },
		} {
			_, err := o.Open(Platform{}, func(d ocispec.Descriptor) ([]byte, error) {
				b, err := from(i)(d)
				if d.Digest == i.Blobs[n].Digest {
					b = change(b)
				}
				return b, err
			})
			if err == nil {
				t.Errorf("%s %s was taken", i.Blobs[n].MediaType, name)
			}
		}
	}
}

// Attacks in a native module's archive.
func TestHostileArchive(t *testing.T) {
	t.Parallel()
	file := func(name string, size int) tar.Header {
		return tar.Header{Typeflag: tar.TypeReg, Name: name, Size: int64(size), Format: tar.FormatUSTAR}
	}
	of := func(headers ...tar.Header) []byte {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		w := tar.NewWriter(z)
		for _, h := range headers {
			if err := w.WriteHeader(&h); err != nil {
				t.Fatal(err)
			}
			if _, err := w.Write(make([]byte, h.Size)); err != nil {
				t.Fatal(err)
			}
		}
		if err := errors.Join(w.Close(), z.Close()); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	long := file(strings.Repeat("a/", 200)+"module", 1)
	long.Format = tar.FormatPAX
	for name, packed := range map[string][]byte{
		"a decompression bomb":  of(file("module", 1<<20)),
		"a path upwards":        of(file("../module", 1)),
		"an absolute path":      of(file("/module", 1)),
		"another name":          of(file("module.sh", 1)),
		"a second file":         of(file("module", 1), file("module", 1)),
		"a link":                of(tar.Header{Typeflag: tar.TypeSymlink, Name: "module", Linkname: "/etc/passwd", Format: tar.FormatUSTAR}),
		"a hard link":           of(tar.Header{Typeflag: tar.TypeLink, Name: "module", Linkname: "module", Format: tar.FormatUSTAR}),
		"a device":              of(tar.Header{Typeflag: tar.TypeChar, Name: "module", Format: tar.FormatUSTAR}),
		"a folder":              of(tar.Header{Typeflag: tar.TypeDir, Name: "module", Format: tar.FormatUSTAR}),
		"an extended header":    of(long),
		"nothing":               of(),
		"something behind":      append(of(file("module", 1)), "more"...),
		"a second stream":       append(of(file("module", 1)), of(file("module", 1))...),
		"no archive":            []byte("ELF"),
		"an archive that ended": of(file("module", 1))[:40],
	} {
		if b, err := extract(packed); err == nil {
			t.Errorf("%s: %d bytes came out", name, len(b))
		} else if strings.Contains(err.Error(), "%!") {
			t.Errorf("%s: %v", name, err)
		}
	}
	good, err := archive([]byte("ELF"))
	if err != nil {
		t.Fatal(err)
	}
	if b, err := extract(good); err != nil || string(b) != "ELF" {
		t.Errorf("a good one: %q, %v", b, err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.wasm.config.v0+json"},"layers":[{"mediaType":"application/wasm"}]}`), []byte("{}"))
	f.Add([]byte(`{}`), []byte{0x1f, 0x8b})
	f.Fuzz(func(t *testing.T, m, packed []byte) {
		if o, err := Parse(m); err == nil {
			if _, err := o.Open(Platform{}, func(ocispec.Descriptor) ([]byte, error) { return packed, nil }); err == nil && len(packed) == 0 {
				t.Error("nothing was a plugin")
			}
		}
		if b, err := extract(packed); err == nil && len(b) > len(packed)*MaxRatio {
			t.Errorf("%d bytes made %d", len(packed), len(b))
		}
	})
}
