package control

import (
	"context"
	"path/filepath"

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
