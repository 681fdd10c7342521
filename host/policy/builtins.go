package policy

import (
	"maps"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// withheld are built-ins that OPA does not flag as non-deterministic and that
// policies still don't get.
var withheld = []string{
	"http.send", "net.lookup_ip_addr", "opa.runtime", "rand.intn", "time.now_ns", "uuid.rfc4122", // reach outside, or chance
	"json.match_schema", "json.verify_schema", "graphql.schema_is_valid", // schemas may name remote documents
	"providers.aws.sign_req", "io.jwt.encode_sign", "io.jwt.encode_sign_raw", // no keys belong in a policy
	"trace", "rego.parse_module",
	"bits.lsh", "units.parse", "units.parse_bytes", // one call can take all memory, and can't be cut off
}

// capabilities are the built-ins that policies may call: deterministic, nothing
// from outside, and cut off when the deadline passes.
func capabilities() *ast.Capabilities {
	c := ast.CapabilitiesForThisVersion(ast.CapabilitiesRegoVersion(ast.RegoV1))
	c.Builtins = slices.DeleteFunc(slices.Clone(c.Builtins), func(b *ast.Builtin) bool {
		return b.IsNondeterministic() || slices.Contains(withheld, b.Name)
	})
	c.AllowNet = []string{}
	return c
}

// allowedFamilies names what a policy may call, short enough for a message.
func allowedFamilies() string {
	families := map[string]bool{}
	for _, b := range capabilities().Builtins {
		family, rest, dotted := strings.Cut(b.Name, ".")
		switch {
		case family == "internal" || b.Infix != "":
		case dotted && rest != "":
			families[family+".*"] = true
		default:
			families[family] = true
		}
	}
	return strings.Join(slices.Sorted(maps.Keys(families)), " ")
}
