// Package artifact is how a plugin lies in an OCI registry: which media types,
// which layers, and what has to agree with what. [Read] takes a folder, [Pack]
// makes the artifact of it, [Parse] and [Outline.Open] take apart what a stranger
// published.
//
// Guarantees: the same folder makes the same bytes (there are no times in it);
// what is opened is what the OCI manifest's digest says, to the byte, within the
// limits below; one regular file comes out of an archive or nothing does. Nothing
// here writes to disk or runs anything.
//
// The layout of a Wasm plugin is the CNCF's Wasm OCI artifact
// (https://tag-runtime.cncf.io/wgs/wasm/deliverables/wasm-oci-artifact/) with
// layers of our own beside the module.
package artifact

import (
	"errors"

	"github.com/ambithost/ambit/sdk/manifest"
)

// Media types of an artifact's parts.
const (
	WasmConfig   = "application/vnd.wasm.config.v0+json"
	WasmModule   = "application/wasm"
	NativeType   = "application/vnd.ambit.plugin.native.v1"
	NativeConfig = "application/vnd.ambit.plugin.native.config.v1+json"
	NativeModule = "application/vnd.ambit.plugin.native.module.v1.tar+gzip"
	PluginText   = "application/vnd.ambit.plugin.manifest.v1+yaml"
	ReadmeText   = "application/vnd.ambit.plugin.readme.v1+markdown"
	LicenseText  = "application/vnd.ambit.plugin.license.v1+text"
)

// Annotations of a native module's layer.
const (
	OSAnnotation           = "host.ambit.os"
	ArchitectureAnnotation = "host.ambit.architecture"
)

// Limits in bytes, and in layers.
const (
	MaxManifest  = 256 << 10 // OCI manifest
	MaxConfig    = 64 << 10
	MaxModule    = 256 << 20 // uncompressed
	MaxText      = 256 << 10 // README or licence
	MaxPlatforms = 16
	// MaxRatio is how many times its size an archive may unpack to. Executables
	// come to about four.
	MaxRatio = 100
)

// ErrPlatform is returned for a native plugin that has no module for a platform.
var ErrPlatform = errors.New("artifact: there is no module for this platform")

// Platform is what a native module runs on, in Go's words. A Wasm module runs on
// the zero Platform.
type Platform struct {
	OS           string `json:"os"`
	Architecture string `json:"architecture"`
}

// String is "linux/amd64".
func (p Platform) String() string { return p.OS + "/" + p.Architecture }

// Plugin is a plugin's files in memory.
type Plugin struct {
	Text     []byte // plugin.yaml
	Manifest *manifest.Manifest
	Modules  map[Platform][]byte
	README   []byte // nil: none
	License  []byte // nil: none
}
