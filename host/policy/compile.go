package policy

import (
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/storage"
	"github.com/open-policy-agent/opa/v1/storage/inmem"

	"github.com/ambithost/ambit/sdk/capability"
)

// set is one compiled set of policies. It is immutable.
type set struct {
	revision string
	files    []string
	layers   []LayerFiles
	own      []source               // the owner's files, tests included
	modules  map[string]*ast.Module // as parsed, tagged
	places   map[string]string      // path of each module
	layered  bool                   // whether it holds rules that are not ours
	compiler *ast.Compiler
	queries  ast.QueryCompiler
	query    ast.Body
	store    storage.Store // empty; OPA wants one
	limit    time.Duration // of one evaluation
}

// entrypoint is what a decision evaluates.
const entrypoint = "decision = data.ambit.base.decision"

// read gathers the files of the base and of the layers.
func read(base fs.FS, layers []Layer) ([]source, []Problem) {
	files, err := readBase(base)
	if err != nil {
		return nil, []Problem{{File: "base", Message: err.Error()}}
	}
	var problems []Problem
	for _, l := range layers {
		if l.Name != ownerLayer && l.Name != orgLayer {
			problems = append(problems, Problem{File: l.Dir, Message: fmt.Sprintf("layer %q is neither owner nor org", l.Name)})
			continue
		}
		more, bad := readLayer(l)
		files, problems = append(files, more...), append(problems, bad...)
	}
	return files, problems
}

// compile makes a set of what was read, tests left aside.
func compile(files []source) (*set, []Problem) {
	own := slices.DeleteFunc(slices.Clone(files), func(f source) bool { return f.layer != ownerLayer })
	files = slices.DeleteFunc(slices.Clone(files), source.isTest)
	modules, problems := parse(files, true)
	if len(problems) > 0 {
		return nil, problems
	}
	c := compiler()
	if c.Compile(modules); c.Failed() {
		return nil, compileProblems(c.Errors, paths(files))
	}
	s := &set{revision: revision(files), own: own, modules: modules, places: map[string]string{}, compiler: c, queries: c.QueryCompiler(), store: inmem.New(), limit: baseDeadline}
	query, err := s.queries.Compile(ast.MustParseBody(entrypoint))
	if err != nil {
		return nil, compileProblems(err, paths(files))
	}
	s.query = query
	for _, f := range files {
		s.layered = s.layered || f.layer != ""
		s.files = append(s.files, f.path)
		s.count(f.layer)
		s.places[f.module()] = f.path
	}
	if s.layered {
		s.limit = deadline
	}
	return s, nil
}

// count adds a file to its layer's.
func (s *set) count(layer string) {
	name := cmp.Or(layer, "base")
	if n := len(s.layers); n == 0 || s.layers[n-1].Name != name {
		s.layers = append(s.layers, LayerFiles{Name: name})
	}
	s.layers[len(s.layers)-1].Files++
}

func compiler() *ast.Compiler {
	return ast.NewCompiler().WithCapabilities(capabilities()).WithStrict(true).WithDefaultRegoVersion(ast.RegoV1).WithSchemas(schemas())
}

func paths(files []source) func(string) string {
	return func(module string) string {
		for _, f := range files {
			if f.module() == module {
				return f.path
			}
		}
		return module
	}
}

// parse parses the files, refuses what a layer may not do, and adds the modules
// that the engine writes itself. With tagged, the rules of layers say where
// they stand.
func parse(files []source, tagged bool) (map[string]*ast.Module, []Problem) {
	modules := map[string]*ast.Module{"vocabulary": vocabulary()}
	var problems []Problem
	options := ast.ParserOptions{RegoVersion: ast.RegoV1, Capabilities: capabilities()}
	for _, f := range files {
		if strings.HasSuffix(f.name, casesSuffix) {
			continue
		}
		if f.isList() {
			m, problem := listModule(f)
			if problem != nil {
				problems = append(problems, *problem)
				continue
			}
			modules[f.module()] = m
			continue
		}
		m, err := ast.ParseModuleWithOpts(f.module(), f.text, options)
		if err != nil {
			problems = append(problems, compileProblems(err, paths(files))...)
			continue
		}
		if m == nil || m.Package == nil {
			continue // nothing but comments
		}
		if f.layer != "" {
			bad := narrows(m, f.layer, f.isTest())
			for i := range bad {
				bad[i].File = f.path
			}
			problems = append(problems, bad...)
		}
		modules[f.module()] = m
	}
	if !tagged || len(problems) > 0 {
		modules["layers"] = layersModule(nil)
		return modules, problems
	}
	spoken, problems := collect(files, modules)
	modules["layers"] = layersModule(spoken)
	return modules, problems
}

// collect copies the rules by which the layers speak, by kind. In one package
// they have one index, and a decision does not pay for each file. Their names
// are resolved first: outside of their file they would mean something else.
func collect(files []source, modules map[string]*ast.Module) (map[string][]*ast.Rule, []Problem) {
	spoken := map[string][]*ast.Rule{}
	if !slices.ContainsFunc(files, func(f source) bool { return f.layer != "" }) {
		return spoken, nil
	}
	c := compiler().WithOnlyStagesUpTo(ast.StageResolveRefs)
	if c.Compile(modules); c.Failed() {
		return nil, compileProblems(c.Errors, paths(files))
	}
	for _, f := range files {
		m := c.Modules[f.module()]
		if f.layer == "" || f.isTest() || m == nil {
			continue
		}
		for _, r := range m.Rules {
			if kind := string(r.Head.Name); slices.Contains(kinds, kind) {
				spoken[kind] = append(spoken[kind], tagged(m, r, f.name))
			}
		}
	}
	return spoken, nil
}

// layersModule is what the layers say, under data.ambit.layers.
func layersModule(spoken map[string][]*ast.Rule) *ast.Module {
	var b strings.Builder
	b.WriteString("package ambit.layers\n")
	if len(spoken) == 0 {
		b.WriteString("have_a_word if input.action.name == \"\"\n") // nothing is allowed there anyway, and the rule index knows it
	}
	for _, kind := range kinds {
		if len(spoken[kind]) == 0 {
			fmt.Fprintf(&b, "%s := set()\n", kind)
		} else {
			fmt.Fprintf(&b, "have_a_word if count(%s) > 0\n", kind)
		}
	}
	m := ast.MustParseModuleWithOpts(b.String(), ast.ParserOptions{RegoVersion: ast.RegoV1})
	for _, kind := range kinds {
		for _, r := range spoken[kind] {
			r.Module = m
			m.Rules = append(m.Rules, r)
		}
	}
	return m
}

// vocabulary is data.ambit.vocabulary.capabilities, for the library and for
// owners: by name the risk and, by key, how a scope is matched.
func vocabulary() *ast.Module {
	all := map[string]any{}
	for _, c := range capability.All() {
		keys := map[string]any{}
		for _, k := range c.Scope {
			fallback := k.Default
			if fallback == nil {
				fallback = []string{}
			}
			keys[k.Name] = map[string]any{"attribute": k.Attribute, "match": string(k.Match), "default": fallback}
		}
		all[c.Name] = map[string]any{"risk": string(c.Risk), "domain": c.Domain, "scope": keys}
	}
	m := ast.MustParseModuleWithOpts("package ambit.vocabulary\ncapabilities := {}", ast.ParserOptions{RegoVersion: ast.RegoV1})
	m.Rules[0].Head.Value = ast.NewTerm(ast.MustInterfaceToValue(all))
	return m
}

// transaction opens one on the empty store.
func (s *set) transaction(ctx context.Context) (storage.Transaction, error) {
	return s.store.NewTransaction(ctx)
}
