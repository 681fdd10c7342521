package policy

import (
	"errors"
	"fmt"

	"github.com/open-policy-agent/opa/v1/ast"
)

// decision reads what data.ambit.base.decision evaluated to. The verdict of
// anything that it can't read is deny.
func decision(v ast.Value, revision string) (Decision, error) {
	denied := Decision{Verdict: Deny, Revision: revision}
	o, ok := v.(ast.Object)
	if !ok {
		return denied, fmt.Errorf("policy %s: the decision is not an object: %v", revision, v)
	}
	d := denied
	switch verdict := Verdict(str(o, "verdict")); verdict {
	case Allow, Ask, Deny:
		d.Verdict = verdict
	default:
		return denied, fmt.Errorf("policy %s: %q is no verdict", revision, verdict)
	}
	each(o, "reasons", func(r ast.Object) { d.Reasons = append(d.Reasons, reason(r)) })
	if d.Verdict == Deny {
		if len(d.Reasons) == 0 {
			d.Reasons = []Reason{{Rule: "base.default", Message: "no rule admits it", Change: "ambit policy eval shows the input; nothing said means deny"}}
		}
		return d, nil
	}
	var errs []error
	each(o, "obligations", func(v ast.Object) {
		ob, err := obligation(v)
		d.Obligations, errs = append(d.Obligations, ob), append(errs, err)
	})
	if err := errors.Join(errs...); err != nil {
		denied.Reasons = []Reason{{Rule: "policy.obligation", Message: err.Error(), Change: "ambit policy check"}}
		return denied, err
	}
	return d, nil
}

// each calls f for the objects of a list or set; OPA's sets iterate in sorted
// order, so that equal decisions print equally.
func each(o ast.Object, k string, f func(ast.Object)) {
	t := o.Get(ast.StringTerm(k))
	if t == nil {
		return
	}
	list, ok := t.Value.(interface{ Foreach(func(*ast.Term)) })
	if !ok {
		return
	}
	list.Foreach(func(t *ast.Term) {
		if o, ok := t.Value.(ast.Object); ok {
			f(o)
		}
	})
}

func str(o ast.Object, k string) string {
	if t := o.Get(ast.StringTerm(k)); t != nil {
		if s, ok := t.Value.(ast.String); ok {
			return string(s)
		}
	}
	return ""
}

// reason reads a reason of the base layer, or one that [tagged] wrapped.
func reason(o ast.Object) Reason {
	r := Reason{Rule: str(o, "rule"), Message: str(o, "message"), Change: str(o, "change")}
	said := o.Get(ast.StringTerm("value"))
	if said == nil {
		return r
	}
	switch v := said.Value.(type) {
	case ast.String:
		r.Message = string(v)
	case ast.Object:
		r.Message, r.Change = str(v, "message"), str(v, "change")
	}
	if r.Message == "" {
		r.Message = "the rule gives no message (want a string, or an object with message and change)"
	}
	if r.Change == "" {
		r.Change = "edit the rule, then ambit policy check"
	}
	return r
}

// obligation reads an obligation of the base layer, or one that [tagged] wrapped:
// a type, or an object with type and params.
func obligation(o ast.Object) (Obligation, error) {
	rule := "base"
	if said := o.Get(ast.StringTerm("value")); said != nil {
		rule = str(o, "rule")
		switch v := said.Value.(type) {
		case ast.String:
			return Obligation{Type: string(v)}, nil
		case ast.Object:
			o = v
		default:
			return Obligation{}, fmt.Errorf("%s: an obligation is a string or an object with type and params", rule)
		}
	}
	ob := Obligation{Type: str(o, "type")}
	if ob.Type == "" {
		return ob, fmt.Errorf("%s: an obligation without a type", rule)
	}
	if p := o.Get(ast.StringTerm("params")); p != nil {
		v, err := ast.JSON(p.Value)
		if err != nil {
			return ob, fmt.Errorf("%s: params: %w", rule, err)
		}
		params, ok := v.(map[string]any)
		if !ok {
			return ob, fmt.Errorf("%s: params of an obligation are an object", rule)
		}
		ob.Params = params
	}
	return ob, nil
}
