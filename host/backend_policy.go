package host

import (
	"context"

	"github.com/ambithost/ambit/host/audit"
	"github.com/ambithost/ambit/host/control"
	"github.com/ambithost/ambit/host/policy"
	"github.com/ambithost/ambit/sdk/protocol"
)

// PolicyStatus says what is in force.
func (b backend) PolicyStatus(context.Context) (*control.PolicyStatus, error) {
	s := b.policy.Status()
	out := &control.PolicyStatus{Revision: s.Revision, Loaded: s.LoadedAt, Folder: b.path("policy"), Error: s.LastError}
	for _, l := range s.Layers {
		out.Layers = append(out.Layers, control.Layer(l))
	}
	return out, nil
}

// ownerLayer is a folder in the place of the owner's; "" is the owner's.
func (b backend) ownerLayer(folder string) policy.Layer {
	return policy.Layer{Name: "owner", Dir: either(folder, b.path("policy"))}
}

// CheckPolicy says whether a folder could be put in force.
func (b backend) CheckPolicy(ctx context.Context, req control.PolicyCheckRequest) (*control.PolicyReport, error) {
	layer := b.ownerLayer(req.Folder)
	problems, err := policy.Check(ctx, layer)
	if err != nil {
		return nil, err
	}
	out := &control.PolicyReport{OK: len(problems) == 0, Folder: layer.Dir, Problems: problems}
	if !out.OK {
		return out, nil
	}
	trial, err := policy.Open(ctx, policy.Config{Layers: b.policyLayers(req.Folder)})
	if err != nil {
		return nil, err
	}
	st := trial.Status()
	out.Revision = st.Revision
	for _, l := range st.Layers {
		if l.Name == layer.Name {
			out.Files = l.Files
		}
	}
	return out, trial.Close()
}

// TestPolicy runs the tests of a folder.
func (b backend) TestPolicy(ctx context.Context, req control.PolicyCheckRequest) (*control.PolicyTestReport, error) {
	layer := b.ownerLayer(req.Folder)
	r, err := policy.Test(ctx, layer)
	if err != nil {
		return nil, err
	}
	return &control.PolicyTestReport{OK: r.OK(), Folder: layer.Dir, TestReport: *r}, nil
}

// FormatPolicy says how the files of a folder would be in the usual form.
func (b backend) FormatPolicy(_ context.Context, req control.PolicyCheckRequest) (*control.PolicyFormat, error) {
	layer := b.ownerLayer(req.Folder)
	changed, files, problems := policy.Format(layer)
	return &control.PolicyFormat{Folder: layer.Dir, Files: files, Changed: changed, Problems: problems}, nil
}

// EvalPolicy decides a made-up request.
func (b backend) EvalPolicy(ctx context.Context, req policy.Request) (*policy.Decision, error) {
	if err := req.Normalise(); err != nil {
		return nil, protocol.Errorf(protocol.Invalid, "%v", err)
	}
	d, err := b.policy.Decide(ctx, &req)
	if err != nil {
		return nil, protocol.Errorf(protocol.Unavailable, "policy can't answer: %v", err)
	}
	return &d, nil
}

// ExplainPolicy says how a recorded or a made-up request is decided now.
func (b backend) ExplainPolicy(ctx context.Context, req control.PolicyExplainRequest) (*control.PolicyExplanation, error) {
	out := &control.PolicyExplanation{}
	r := req.Request
	if req.Index != nil {
		detail, err := b.AuditEntry(ctx, *req.Index)
		if err != nil {
			return nil, err
		}
		switch {
		case detail.Kind != audit.Intent && detail.Kind != audit.Refusal && detail.Kind != audit.Evaluation:
			return nil, protocol.Errorf(protocol.Invalid, "entry %d is no request but a record of kind %s; want one of kind intent, refusal or evaluation (ambit audit tail)", *req.Index, detail.Kind)
		case detail.Request == nil && detail.Payload == "":
			return nil, protocol.Errorf(protocol.NotFound, "what policy saw of entry %d is not kept", *req.Index)
		case detail.Request == nil:
			return nil, protocol.Errorf(protocol.Invalid, "entry %d was refused before policy was asked, by %s: %s", *req.Index, detail.Rule, detail.Detail)
		}
		r, out.Recorded = detail.Request, &detail.AuditEntry
	} else if err := r.Normalise(); err != nil {
		return nil, protocol.Errorf(protocol.Invalid, "%v", err)
	}
	x, err := b.policy.Explain(ctx, r)
	if err != nil {
		return nil, protocol.Errorf(protocol.Unavailable, "policy can't answer: %v", err)
	}
	out.Explanation = x
	return out, nil
}
