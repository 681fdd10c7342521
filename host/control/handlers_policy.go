package control

import (
	"context"
	"path/filepath"
	"regexp"
	"time"

	"github.com/ambithost/ambit/sdk/protocol"
)

// ofFolder serves what is asked about a folder of policies.
func ofFolder[Out any](f func(*exchange) func(context.Context, PolicyCheckRequest) (Out, error)) func(*exchange) error {
	return takes(func(x *exchange, req PolicyCheckRequest) (Out, error) {
		if err := checkFolder(req.Folder); err != nil {
			var none Out
			return none, err
		}
		return f(x)(x.ctx(), req)
	})
}

// revisionName is what a revision of the policy looks like.
var revisionName = regexp.MustCompile(`^[0-9a-f]{12}$`)

func checkFolder(folder string) error {
	if folder != "" && !filepath.IsAbs(folder) {
		return protocol.Errorf(protocol.Invalid, "folder %q: want an absolute path", folder)
	}
	return nil
}

func (x *exchange) evalPolicy(req PolicyRequest) (*Decision, error) {
	return x.EvalPolicy(x.ctx(), req)
}

func (x *exchange) explainPolicy(req PolicyExplainRequest) (*PolicyExplanation, error) {
	if (req.Index == nil) == (req.Request == nil) {
		return nil, protocol.Errorf(protocol.Invalid, "want either the index of a recorded request or a request")
	}
	return x.ExplainPolicy(x.ctx(), req)
}

func (x *exchange) replayPolicy(req PolicyReplayRequest) (*PolicyReplay, error) {
	if req.Folder == "" {
		return nil, protocol.Errorf(protocol.Invalid, "want a folder to replay")
	}
	if err := checkFolder(req.Folder); err != nil {
		return nil, err
	}
	if !revisionName.MatchString(req.Against) {
		if err := checkFolder(req.Against); err != nil {
			return nil, err
		}
	}
	return x.ReplayPolicy(x.ctx(), req)
}

func (x *exchange) suggestGrants() ([]Suggestion, error) {
	req := PolicyReplayRequest{}
	if s := x.query.Get("since"); s != "" {
		t, err := time.Parse(time.RFC3339Nano, s)
		if err != nil {
			return nil, protocol.Errorf(protocol.Invalid, "query: since %.40q: want a time such as 2026-01-02T15:04:05Z", s)
		}
		req.Since = t
	}
	return x.SuggestGrants(x.ctx(), req)
}

func (x *exchange) activatePolicy(req PolicyActivateRequest) (*PolicyStatus, error) {
	if req.Folder == "" {
		return nil, protocol.Errorf(protocol.Invalid, "want a folder to put in force")
	}
	if err := checkFolder(req.Folder); err != nil {
		return nil, err
	}
	return x.ActivatePolicy(x.whole(), req)
}
