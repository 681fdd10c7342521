package control

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// TestPolicy implements [PolicyTester].
func (c *Client) TestPolicy(ctx context.Context, req PolicyCheckRequest) (*PolicyTestReport, error) {
	return change[PolicyTestReport](ctx, c, http.MethodPost, req, "policy", "test")
}

// FormatPolicy implements [PolicyTester].
func (c *Client) FormatPolicy(ctx context.Context, req PolicyCheckRequest) (*PolicyFormat, error) {
	return change[PolicyFormat](ctx, c, http.MethodPost, req, "policy", "format")
}

// ExplainPolicy implements [PolicyExplainer].
func (c *Client) ExplainPolicy(ctx context.Context, req PolicyExplainRequest) (*PolicyExplanation, error) {
	return change[PolicyExplanation](ctx, c, http.MethodPost, req, "policy", "explain")
}

// ReplayPolicy implements [PolicyReplayer].
func (c *Client) ReplayPolicy(ctx context.Context, req PolicyReplayRequest) (*PolicyReplay, error) {
	return change[PolicyReplay](ctx, c, http.MethodPost, req, "policy", "replay")
}

// SuggestGrants implements [PolicyReplayer].
func (c *Client) SuggestGrants(ctx context.Context, req PolicyReplayRequest) ([]Suggestion, error) {
	q := url.Values{}
	if !req.Since.IsZero() {
		q.Set("since", req.Since.Format(time.RFC3339Nano))
	}
	return list[Suggestion](ctx, c, q, "policy", "suggestions")
}

// ActivatePolicy implements [PolicyReplayer].
func (c *Client) ActivatePolicy(ctx context.Context, req PolicyActivateRequest) (*PolicyStatus, error) {
	return change[PolicyStatus](ctx, c, http.MethodPost, req, "policy", "activate")
}

// EvaluateAccess implements [AccessEvaluator].
func (c *Client) EvaluateAccess(ctx context.Context, req AccessRequest) (*AccessDecision, error) {
	return change[AccessDecision](ctx, c, http.MethodPost, req, "access", "v1", "evaluation")
}
