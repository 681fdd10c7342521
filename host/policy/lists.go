package policy

import (
	"fmt"
	"path"
	"regexp"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"go.yaml.in/yaml/v3"
)

// A list is a YAML file of a layer: contacts.yaml is read by rules of the
// owner's as data.ambit.owner.lists.contacts. It is data and says nothing.

// isList tells whether the file is a list.
func (s source) isList() bool {
	return path.Ext(s.name) == ".yaml" && !strings.HasSuffix(s.name, casesSuffix)
}

var listName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,63}$`)

// listModule makes a list a rule that is its value.
func listModule(f source) (*ast.Module, *Problem) {
	name := strings.TrimSuffix(path.Base(f.name), ".yaml")
	if !listName.MatchString(name) || ast.IsKeyword(name) {
		return nil, &Problem{File: f.path, Message: fmt.Sprintf("%q is no name for a list", name), Advice: "want a small letter, then small letters, digits or _, as in contacts.yaml"}
	}
	var v any
	if err := yaml.Unmarshal([]byte(f.text), &v); err != nil {
		return nil, &Problem{File: f.path, Message: err.Error(), Advice: "a list is YAML: one entry a line, each after a dash"}
	}
	value, err := ast.InterfaceToValue(v)
	if err != nil || v == nil {
		return nil, &Problem{File: f.path, Message: "the file is empty, or holds what JSON can't", Advice: "a list is YAML: one entry a line, each after a dash; [] for none"}
	}
	text := fmt.Sprintf("package ambit.%s.lists\n%s := null", f.layer, name)
	m, err := ast.ParseModuleWithOpts(f.module(), text, ast.ParserOptions{RegoVersion: ast.RegoV1})
	if err != nil {
		return nil, &Problem{File: f.path, Message: err.Error(), Advice: "choose another name"}
	}
	m.Rules[0].Head.Value = ast.NewTerm(value)
	return m, nil
}
