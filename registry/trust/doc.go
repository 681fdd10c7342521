// Package trust says who made a plugin: keys, signatures over an artifact, and
// the hand-over from one key to the next. [NewKey] and [Key.Sign] are for who
// publishes, [Verify] for who installs; which key may speak for which publisher is
// for the caller to remember (see [Book]).
//
// A signature is an in-toto Statement v1 in a DSSE envelope in a Sigstore bundle
// v0.3 (https://docs.sigstore.dev/about/bundle/), made with Ed25519. Its subject is
// the digest of the OCI manifest, which names every byte that runs and every byte
// that the owner is shown; its predicate repeats what the plugin asks for.
//
// Guarantees: all is verified offline; what is not understood is refused; a bundle
// without the key that it says made it is nothing; bytes from outside are capped
// before they are parsed.
package trust

import "errors"

// Media and predicate types.
const (
	BundleType   = "application/vnd.dev.sigstore.bundle.v0.3+json"
	payloadType  = "application/vnd.in-toto+json"
	statement    = "https://in-toto.io/Statement/v1"
	releaseType  = "https://github.com/ambithost/ambit/release/v1"
	rotationType = "https://github.com/ambithost/ambit/rotation/v1"
)

// Limits.
const (
	MaxBundle    = 1 << 20 // bytes
	MaxRotations = 16      // of keys, in one bundle
	maxKeyFile   = 4 << 10 // bytes
)

// Errors to branch on.
var (
	// ErrSignature is a signature that does not hold.
	ErrSignature = errors.New("trust: the signature does not hold")
	// ErrKeyless is a bundle signed by a certificate and no key of its own.
	ErrKeyless = errors.New("trust: is signed without a key (by a certificate), which this build does not verify")
)
