package control

import (
	"regexp"

	"github.com/ambithost/ambit/sdk/protocol"
)

// maxEvaluations is how many one request may hold.
const maxEvaluations = 100

var requestID = regexp.MustCompile(`^[\x21-\x7e]{1,128}$`)

// echo gives an enforcement point its own id of the request back.
func (x *exchange) echo() {
	if id := x.r.Header.Get("X-Request-ID"); requestID.MatchString(id) {
		x.w.Header().Set("X-Request-ID", id)
	}
}

func (x *exchange) evaluation(req AccessRequest) (*AccessDecision, error) {
	x.echo()
	if err := req.complete(); err != nil {
		return nil, err
	}
	return x.EvaluateAccess(x.ctx(), req)
}

// complete checks that everything is there that a decision is about.
func (r *AccessRequest) complete() error {
	switch {
	case r.Subject == nil || r.Subject.Type == "" || r.Subject.ID == "":
		return protocol.Errorf(protocol.Invalid, "subject: want type and id")
	case r.Action == nil || r.Action.Name == "":
		return protocol.Errorf(protocol.Invalid, "action: want a name, that of a capability")
	case r.Resource == nil || r.Resource.Type == "" || r.Resource.ID == "":
		return protocol.Errorf(protocol.Invalid, "resource: want type and id")
	}
	return nil
}

// evaluations answers one request with many. Without any it is a single one, as
// the specification has it.
func (x *exchange) evaluations(req AccessBatch) (any, error) {
	if len(req.Evaluations) == 0 {
		return x.evaluation(req.AccessRequest)
	}
	x.echo()
	if len(req.Evaluations) > maxEvaluations {
		return nil, protocol.Errorf(protocol.Limit, "%d evaluations, the limit is %d", len(req.Evaluations), maxEvaluations)
	}
	var stop func(bool) bool
	switch req.Options.Semantic {
	case "", "execute_all":
		stop = func(bool) bool { return false }
	case "deny_on_first_deny":
		stop = func(allowed bool) bool { return !allowed }
	case "permit_on_first_permit":
		stop = func(allowed bool) bool { return allowed }
	default:
		return nil, protocol.Errorf(protocol.Invalid, "options: evaluations_semantic %.40q: want execute_all, deny_on_first_deny or permit_on_first_permit", req.Options.Semantic)
	}
	out := &AccessDecisions{}
	for _, one := range req.Evaluations {
		d := x.oneOf(req.AccessRequest, one)
		out.Evaluations = append(out.Evaluations, *d)
		if stop(d.Decision) {
			break
		}
	}
	return out, nil
}

// oneOf lays an evaluation over the defaults. One that can't be decided is
// denied, and the others go on.
func (x *exchange) oneOf(under, over AccessRequest) *AccessDecision {
	if over.Subject == nil {
		over.Subject = under.Subject
	}
	if over.Action == nil {
		over.Action = under.Action
	}
	if over.Resource == nil {
		over.Resource = under.Resource
	}
	if over.Context == nil {
		over.Context = under.Context
	}
	err := over.complete()
	if err == nil {
		var d *AccessDecision
		if d, err = x.EvaluateAccess(x.ctx(), over); err == nil {
			return d
		}
	}
	return &AccessDecision{Context: &AccessReasons{Error: AsError(err).Message}}
}
