package main_test

import (
	"go/parser"
	"go/token"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/ambithost/ambit"

// ours says which of our packages a package may import. "x/..." is x and all
// below it, "!" takes away, "." is the command at the top. The first row that
// names a package is its only one. A package without a row fails: where it
// stands is decided before it is written.
const ours = `
sdk/...               sdk/...
registry/...          registry/... sdk/...
plugins/...           plugins/... sdk/...
policies/...          policies/...
examples/agentdojo    host/... policies/... sdk/...
examples/commons/...  examples/commons/...
examples/selfaware    examples/selfaware/index host/control
examples/...          sdk/...

host/cli/...          host/cli/... registry/... host host/demo host/control host/cell host/budget sdk/...
host/demo/...         host host/clock host/control host/cell/hostile examples/commons/... sdk/...
host/clock            host/clock
host/control/...      host/... !host !host/cli/... registry/... policies plugins sdk/...
host/channel/...      host/channel/... host/agent host/gate host/policy host/provenance host/webhook/sign sdk/...
host/agent/...        host/agent/... host/clock host/gate host/policy host/provenance sdk/...
host/skill/...        host/skill/... host/plainfile
host/effects/...      host/effects/... host/gate host/notebook host/plainfile host/policy host/provenance host/budget host/webhook/sign sdk/...
host/gate/...         host/gate/... host/clock host/policy host/audit host/provenance host/budget sdk/...
host/policy/...       host/policy/... host/provenance policies/... sdk/...
host/audit/...        host/audit/...
host/cell/confine/... host/cell/confine/... sdk/...
host/cell/wasm/...    host/cell/wasm/... host/cell/confine sdk/...
host/cell/...         host/cell/... sdk/...
host/bench            sdk/...
host/provenance/...   host/provenance/... sdk/...
host/notebook         host/plainfile sdk/...
host/plainfile        host/plainfile
host/budget/...       host/budget/... sdk/...
host/webhook/...      host/webhook/... sdk/...
host/store/...        host/store/... host/gate host/policy host/audit host/agent host/channel host/effects/... host/notebook host/budget sdk/...
host                  host/... !host/cli/... !host/demo/... registry/... policies plugins sdk/...
.                     host/cli
`

// oursInTests is what test files may import besides.
const oursInTests = `
sdk/plugintest/...    host/cell
plugins               host/cell examples/commons/...
examples/selfaware    host host/cell host/control plugins
examples/...          host/cell
policies/...          host/policy
host/...              host/... registry/... policies/... plugins/... sdk/...
.                     ...
`

// theirs says where a third party may be imported. Its types appear in one
// package, so that to replace it is to change one place. One without a row
// fails: a dependency is a decision.
const theirs = `
github.com/hashicorp/go-hclog             ...
golang.org/x/sync                         ...
golang.org/x/sys                          host/... sdk/native/... plugins/...

github.com/hashicorp/go-plugin            host/cell sdk/native
google.golang.org/grpc                    host/cell sdk/native sdk/protocol/cellpb host/cell/hostile/native
google.golang.org/protobuf                host/cell sdk/native sdk/protocol/cellpb host/cell/hostile/native
github.com/extism/go-sdk                  host/cell/wasm
github.com/tetratelabs/wazero             host/cell/wasm
github.com/extism/go-pdk                  sdk/guest
github.com/landlock-lsm/go-landlock       host/cell/confine
github.com/elastic/go-seccomp-bpf         host/cell/confine

github.com/open-policy-agent/opa          host/policy host/policy/bundletest
github.com/santhosh-tekuri/jsonschema/v6  sdk/capability sdk/manifest host/effects
github.com/fsnotify/fsnotify              host/policy
go.yaml.in/yaml/v3                        sdk/manifest host host/policy host/skill examples/agentdojo
modernc.org/sqlite                        host/store
golang.org/x/mod/sumdb                    host/audit
golang.org/x/mod/semver                   sdk/manifest registry/... host/...
filippo.io/age                            host/effects/secret
github.com/zalando/go-keyring             host/effects/secret
golang.org/x/net                          plugins/... host/effects
oras.land/oras-go/v2                      registry
github.com/opencontainers/image-spec      registry registry/artifact registry/server
github.com/olareg/olareg                  registry/server
github.com/opencontainers/go-digest       registry registry/artifact
golang.org/x/text                         host/provenance
golang.org/x/time                         host/effects host/webhook
go.starlark.net                           plugins/tools/code

github.com/spf13/cobra                    host/cli
golang.org/x/term                         host/cli
`

// theirsInTests is where test files may import them besides: a verifier that
// shares no code with ours, the bare engine that a benchmark compares with,
// scripts that run the command line.
const theirsInTests = `
filippo.io/torchwood                      host/audit
github.com/olareg/olareg                  registry host
github.com/google/go-containerregistry    registry .
github.com/opencontainers/go-digest       host
oras.land/oras-go/v2                      host
github.com/opencontainers/image-spec      host
github.com/rogpeppe/go-internal           host/cli .
github.com/extism/go-sdk                  host/...
github.com/tetratelabs/wazero             host/...
github.com/openai/openai-go               plugins/models/...
github.com/anthropics/anthropic-sdk-go     plugins/models/...
google.golang.org/genai                    plugins/models/...
golang.org/x/net                          host/cell/confine
github.com/standard-webhooks/standard-webhooks/libraries host/webhook/sign .
`

// TestImports reads every file whatever its build constraints, so that the
// macOS build and the Wasm guests are held to the same rules.
func TestImports(t *testing.T) {
	t.Parallel()
	packages, parties := parse(t, ours), parse(t, theirs)
	inTests, partiesInTests := parse(t, oursInTests), parse(t, theirsInTests)
	for _, file := range files(t, ".go") {
		pkg, test := path.Dir(file), strings.HasSuffix(file, "_test.go")
		may := packages.first(pkg)
		if may == nil {
			t.Errorf("%s: package %s has no row in the table `ours`", file, pkg)
			continue
		}
		for _, imported := range imports(t, file) {
			own, isOurs := strings.CutPrefix(imported, module+"/")
			switch {
			case isOurs && own != pkg:
				if !covers(may, own) && !(test && covers(inTests.first(pkg), own)) {
					t.Errorf("%s: %s may not import %s, only: %s", file, pkg, own, strings.Join(may, " "))
				}
			case !isOurs && strings.Contains(strings.SplitN(imported, "/", 2)[0], "."):
				where := parties.party(imported)
				if where == nil && !(test && partiesInTests.party(imported) != nil) {
					t.Errorf("%s: %s has no row in the table `theirs`", file, imported)
				} else if !covers(where, pkg) && !(test && covers(partiesInTests.party(imported), pkg)) {
					t.Errorf("%s: %s belongs to: %s", file, imported, strings.Join(where, " "))
				}
			}
		}
	}
}

// TestTable: a table that cannot refuse is worth nothing.
func TestTable(t *testing.T) {
	t.Parallel()
	packages, parties := parse(t, ours), parse(t, theirs)
	for _, c := range []struct {
		pkg, imported string
		want          bool
	}{
		{"sdk/guest", "sdk/protocol", true},
		{"sdk/guest", "host/gate", false},
		{"host/gate", "host/effects/secret", false},
		{"host/control", "host", false},
		{"host/control", "host/cli", false},
		{"host/control", "host/gate", true},
		{"host", "host/cli", false},
		{"host/cell/wasm", "host/cell", false},
		{"host/audit", "sdk/protocol", false},
		{"plugins/tools/web", "host/cell", false},
	} {
		if got := covers(packages.first(c.pkg), c.imported); got != c.want {
			t.Errorf("%s imports %s: allowed %v, want %v", c.pkg, c.imported, got, c.want)
		}
	}
	if packages.first("elsewhere") != nil {
		t.Error("an unknown package has a row")
	}
	if opa := parties.party("github.com/open-policy-agent/opa/v1/rego"); !covers(opa, "host/policy") || covers(opa, "host/gate") {
		t.Errorf("OPA is confined to %v, want host/policy", opa)
	}
	if parties.party("github.com/open-policy-agent/opaque") != nil {
		t.Error("a module's name is matched as a prefix of another's")
	}
}

// table is rows of a name and the patterns it is given.
type table [][]string

// parse reads a table: a name a line and what it is given.
func parse(t *testing.T, text string) (rows table) {
	t.Helper()
	for line := range strings.Lines(text) {
		switch fields := strings.Fields(line); len(fields) {
		case 0:
		case 1:
			t.Fatalf("row %q gives nothing", fields[0])
		default:
			rows = append(rows, fields)
		}
	}
	return rows
}

// first returns the patterns of the first row whose name, a pattern itself,
// names the package.
func (rows table) first(pkg string) []string {
	for _, r := range rows {
		if matches(r[0], pkg) {
			return r[1:]
		}
	}
	return nil
}

// party returns the patterns of the module that the import path belongs to.
func (rows table) party(imported string) []string {
	for _, r := range rows {
		if matches(r[0]+"/...", imported) {
			return r[1:]
		}
	}
	return nil
}

func covers(patterns []string, pkg string) bool {
	is := func(p string) bool { return matches(p, pkg) }
	not := func(p string) bool { p, taken := strings.CutPrefix(p, "!"); return taken && matches(p, pkg) }
	return slices.ContainsFunc(patterns, is) && !slices.ContainsFunc(patterns, not)
}

func matches(pattern, name string) bool {
	if pattern == "..." {
		return true
	}
	if root, below := strings.CutSuffix(pattern, "/..."); below {
		return name == root || strings.HasPrefix(name, root+"/")
	}
	return pattern == name
}

func imports(t *testing.T, file string) (paths []string) {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
	if err != nil {
		t.Fatal(err)
	}
	for _, spec := range f.Imports {
		p, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		paths = append(paths, p)
	}
	return paths
}
