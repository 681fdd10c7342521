// Package policies holds Ambit's Rego: the base layer that is always in force,
// the library that owners may use, and examples to copy. It is data only; the
// engine that loads it is host/policy.
package policies

import "embed"

// FS holds base/, lib/ and examples/, tests beside. It is read-only.
//
//go:embed base lib examples
var FS embed.FS
