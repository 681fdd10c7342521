package policy

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/ambithost/ambit/sdk/capability"
)

// casesSuffix ends the name of a file of cases: tests in plain YAML, each a wish
// in words, a request and what has to come of it.
const casesSuffix = "_cases.yaml"

// maxCases is how many one file may hold.
const maxCases = 1000

// caseFile is a file of cases.
type caseFile struct {
	// Common is laid under the request of every case.
	Common map[string]any `yaml:"common"`
	Cases  []testCase     `yaml:"cases"`
}

type testCase struct {
	line int

	Name    string         `yaml:"name"`    // the wish
	Request map[string]any `yaml:"request"` // as in ambit policy eval; what is left out is made up: see [complete]
	Expect  Verdict        `yaml:"expect"`
	Rule    string         `yaml:"rule"` // how the name of a rule that speaks begins
	Says    string         `yaml:"says"` // what a reason contains
}

// parseCases reads a file of cases.
func parseCases(text string) (caseFile, error) {
	var f caseFile
	dec := yaml.NewDecoder(strings.NewReader(text))
	dec.KnownFields(true)
	if err := dec.Decode(&f); err != nil && !errors.Is(err, io.EOF) {
		return f, err
	}
	if len(f.Cases) > maxCases {
		return f, fmt.Errorf("more than %d cases", maxCases)
	}
	var lines struct {
		Cases []yaml.Node `yaml:"cases"`
	}
	if err := yaml.Unmarshal([]byte(text), &lines); err != nil {
		return f, err
	}
	for i := range f.Cases {
		c := &f.Cases[i]
		c.line = lines.Cases[i].Line
		switch {
		case c.Name == "":
			return f, fmt.Errorf("line %d: a case without a name; say in words what is wished", c.line)
		case c.Expect != Allow && c.Expect != Ask && c.Expect != Deny:
			return f, fmt.Errorf("line %d: expect %q; want allow, ask or deny", c.line, c.Expect)
		}
	}
	return f, nil
}

// cases decides each case by the compiled set.
func (t *TestReport) cases(ctx context.Context, s *set, files []source, held *held) {
	for _, f := range files {
		if f.layer == "" || !strings.HasSuffix(f.name, casesSuffix) {
			continue
		}
		list, err := parseCases(f.text)
		if err != nil {
			t.Problems = append(t.Problems, Problem{File: f.path, Message: err.Error(), Advice: "docs/policy.md shows a file of cases"})
			continue
		}
		for _, c := range list.Cases {
			r := TestResult{Name: c.Name, Kind: "case", File: f.path, Line: c.line}
			r.Message = c.try(ctx, s, list.Common, held)
			r.OK = r.Message == ""
			t.Tests = append(t.Tests, r)
		}
	}
}

// try says what came out otherwise than expected, or "".
func (c *testCase) try(ctx context.Context, s *set, common map[string]any, held *held) string {
	r, err := caseRequest(overlay(common, c.Request))
	if err != nil {
		return err.Error()
	}
	in, err := input(r)
	if err != nil {
		return err.Error()
	}
	v, err := s.evaluate(ctx, in, held)
	if err != nil {
		return err.Error()
	}
	d, err := decision(v, s.revision)
	if err != nil {
		return err.Error()
	}
	speaks := func(is func(Reason) bool) bool { return slices.ContainsFunc(d.Reasons, is) }
	switch {
	case d.Verdict != c.Expect:
		return fmt.Sprintf("want %s, got %s%s", c.Expect, d.Verdict, by(d))
	case c.Rule != "" && !speaks(func(r Reason) bool { return strings.HasPrefix(r.Rule, c.Rule) }):
		return fmt.Sprintf("%s as expected, but not by rule %s%s", d.Verdict, c.Rule, by(d))
	case c.Says != "" && !speaks(func(r Reason) bool { return strings.Contains(r.Message, c.Says) }):
		return fmt.Sprintf("%s as expected, but no reason says %q%s", d.Verdict, c.Says, by(d))
	}
	return ""
}

// by tells which rules spoke.
func by(d Decision) string {
	var out strings.Builder
	for _, r := range d.Reasons {
		fmt.Fprintf(&out, "; %s: %s", r.Rule, r.Message)
	}
	return out.String()
}

// overlay lays one object over another, members within members.
func overlay(under, over map[string]any) map[string]any {
	out := map[string]any{}
	for k, v := range under {
		out[k] = v
	}
	for k, v := range over {
		a, isA := out[k].(map[string]any)
		b, isB := v.(map[string]any)
		if isA && isB {
			v = overlay(a, b)
		}
		out[k] = v
	}
	return out
}

// caseRequest makes a request of what a case says.
func caseRequest(said map[string]any) (*Request, error) {
	b, err := json.Marshal(said)
	if err != nil {
		return nil, fmt.Errorf("request: %w", err)
	}
	r := &Request{}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(r); err != nil {
		return nil, fmt.Errorf("request: %w", err)
	}
	if err := normalise(r.Resource.Attributes); err != nil {
		return nil, err
	}
	context, _ := said["context"].(map[string]any)
	_, grant := context["grant"]
	complete(r, grant)
	return r, nil
}

// complete makes up what a case leaves out, so that it says no more than what
// it is about: an agent called main acts at noon of a Monday through a confined
// plugin that asks for this and was granted it.
func complete(r *Request, grantSaid bool) {
	if r.Subject == (Entity{}) {
		r.Subject = Entity{Type: "agent", ID: "main"}
	}
	r.Resource.Type = strings.SplitN(r.Action.Name, ".", 2)[0]
	p := &r.Context.Plugin
	fill(&p.Name, "example")
	fill(&p.Version, "1.0.0")
	fill(&p.Digest, "sha256:00")
	fill(&p.Isolation, "confined")
	if p.Kinds == nil {
		p.Kinds = []string{"tool"}
	}
	fill(&r.Context.Agent, "main")
	fill(&r.Context.Trigger, "message")
	if r.Context.Now.IsZero() {
		r.Context.Now = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	}
	c, known := capability.Lookup(r.Action.Name)
	if !known {
		return
	}
	if r.Action.Risk == "" {
		r.Action.Risk = c.Risk
	}
	if r.Resource.Attributes == nil {
		r.Resource.Attributes = capability.Attributes{}
	}
	a := r.Resource.Attributes
	if a["addresses"] == nil && a["special_addresses"] == nil && slices.ContainsFunc(c.Scope, func(k capability.ScopeKey) bool { return k.Match == capability.MatchAddress }) {
		a["addresses"] = []string{"192.0.2.1"}
	}
	scope := Narrowest(c, a)
	if r.Context.Requires == nil {
		r.Context.Requires = &scope
	}
	if r.Context.Grant == nil && !grantSaid {
		r.Context.Grant = &Grant{ID: "g1", Scope: scope}
	}
}

func fill(s *string, with string) {
	if *s == "" {
		*s = with
	}
}

// Narrowest is the smallest scope that covers a request with these attributes.
func Narrowest(c *capability.Capability, a capability.Attributes) capability.Scope {
	s := capability.Scope{Allow: map[string][]string{}, Max: map[string]int64{}}
	for _, k := range c.Scope {
		switch v := a[k.Attribute].(type) {
		case string:
			s.Allow[k.Name] = []string{v}
		case []string:
			if len(v) > 0 {
				s.Allow[k.Name] = slices.Clone(v)
			}
		case int64:
			s.Max[k.Name] = v
		}
	}
	return s
}
