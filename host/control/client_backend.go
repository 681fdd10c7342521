package control

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
)

// Status implements [StatusReader].
func (c *Client) Status(ctx context.Context) (*Status, error) {
	return get[Status](ctx, c, nil, "status")
}

// Activity implements [StatusReader].
func (c *Client) Activity(ctx context.Context) (*Activity, error) {
	return get[Activity](ctx, c, nil, "activity")
}

// Plugins implements [PluginReader].
func (c *Client) Plugins(ctx context.Context) ([]Plugin, error) {
	return list[Plugin](ctx, c, nil, "plugins")
}

// Plugin implements [PluginReader].
func (c *Client) Plugin(ctx context.Context, name string) (*PluginDetail, error) {
	return get[PluginDetail](ctx, c, nil, "plugins", name)
}

// PreviewInstall implements [PluginInstaller].
func (c *Client) PreviewInstall(ctx context.Context, req PreviewRequest) (*Preview, error) {
	return change[Preview](ctx, c, http.MethodPost, req, "plugins", "preview")
}

// Install implements [PluginInstaller].
func (c *Client) Install(ctx context.Context, req InstallRequest) (*PluginDetail, error) {
	return change[PluginDetail](ctx, c, http.MethodPost, req, "plugins")
}

// RemovePlugin implements [PluginEditor].
func (c *Client) RemovePlugin(ctx context.Context, name string) error {
	_, err := change[empty](ctx, c, http.MethodDelete, nil, "plugins", name)
	return err
}

// SetPluginEnabled implements [PluginEditor].
func (c *Client) SetPluginEnabled(ctx context.Context, name string, enabled bool) (*PluginDetail, error) {
	return change[PluginDetail](ctx, c, http.MethodPut, EnabledRequest{enabled}, "plugins", name, "enabled")
}

// SetPluginConfig implements [PluginEditor].
func (c *Client) SetPluginConfig(ctx context.Context, name string, config map[string]string) (*PluginDetail, error) {
	return change[PluginDetail](ctx, c, http.MethodPut, ConfigRequest{config}, "plugins", name, "config")
}

// Downloads implements [PluginKeeper].
func (c *Client) Downloads(ctx context.Context) ([]Download, error) {
	return list[Download](ctx, c, nil, "downloads")
}

// RollbackPlugin implements [PluginKeeper].
func (c *Client) RollbackPlugin(ctx context.Context, name string) (*PluginDetail, error) {
	return change[PluginDetail](ctx, c, http.MethodPost, nil, "plugins", name, "rollback")
}

// VerifyPlugins implements [PluginKeeper].
func (c *Client) VerifyPlugins(ctx context.Context) ([]Checked, error) {
	l, err := change[List[Checked]](ctx, c, http.MethodPost, nil, "plugins", "verify")
	if err != nil {
		return nil, err
	}
	return l.Items, nil
}

// Publishers implements [PublisherKeeper].
func (c *Client) Publishers(ctx context.Context) ([]Publisher, error) {
	return list[Publisher](ctx, c, nil, "publishers")
}

// ForgetPublisher implements [PublisherKeeper].
func (c *Client) ForgetPublisher(ctx context.Context, namespace string) error {
	_, err := change[empty](ctx, c, http.MethodPost, PublisherRequest{namespace}, "publishers", "forget")
	return err
}

// Grants implements [Granter].
func (c *Client) Grants(ctx context.Context, plugin string) ([]Grant, error) {
	q := url.Values{}
	if plugin != "" {
		q.Set("plugin", plugin)
	}
	return list[Grant](ctx, c, q, "grants")
}

// Grant implements [Granter].
func (c *Client) Grant(ctx context.Context, req GrantRequest) (*Grant, error) {
	return change[Grant](ctx, c, http.MethodPost, req, "grants")
}

// Revoke implements [Granter].
func (c *Client) Revoke(ctx context.Context, req RevokeRequest) (*Revocation, error) {
	return change[Revocation](ctx, c, http.MethodPost, req, "revocations")
}

// Budgets implements [BudgetKeeper].
func (c *Client) Budgets(ctx context.Context) ([]Account, error) {
	return list[Account](ctx, c, nil, "budgets")
}

// ResolveBudget implements [BudgetKeeper].
func (c *Client) ResolveBudget(ctx context.Context, effect string, r BudgetResolution) error {
	_, err := change[empty](ctx, c, http.MethodPost, r, "budgets", effect, "resolution")
	return err
}

// Approvals implements [Approver].
func (c *Client) Approvals(ctx context.Context, all bool) ([]Approval, error) {
	return list[Approval](ctx, c, url.Values{"all": {strconv.FormatBool(all)}}, "approvals")
}

// Approval implements [Approver].
func (c *Client) Approval(ctx context.Context, id string) (*Approval, error) {
	return get[Approval](ctx, c, nil, "approvals", id)
}

// AnswerApproval implements [Approver].
func (c *Client) AnswerApproval(ctx context.Context, id string, ans AnswerRequest) (*Approval, error) {
	return change[Approval](ctx, c, http.MethodPost, ans, "approvals", id, "answer")
}

// AnswerApprovals implements [Approver].
func (c *Client) AnswerApprovals(ctx context.Context, ans BatchRequest) ([]Approval, error) {
	out, err := change[List[Approval]](ctx, c, http.MethodPost, ans, "approvals", "answers")
	if err != nil {
		return nil, err
	}
	return out.Items, nil
}

// PolicyStatus implements [PolicyReader].
func (c *Client) PolicyStatus(ctx context.Context) (*PolicyStatus, error) {
	return get[PolicyStatus](ctx, c, nil, "policy")
}

// CheckPolicy implements [PolicyReader].
func (c *Client) CheckPolicy(ctx context.Context, req PolicyCheckRequest) (*PolicyReport, error) {
	return change[PolicyReport](ctx, c, http.MethodPost, req, "policy", "check")
}

// EvalPolicy implements [PolicyReader].
func (c *Client) EvalPolicy(ctx context.Context, req PolicyRequest) (*Decision, error) {
	return change[Decision](ctx, c, http.MethodPost, req, "policy", "eval")
}

// AuditEntries implements [AuditReader].
func (c *Client) AuditEntries(ctx context.Context, q AuditQuery) (*AuditPage, error) {
	return get[AuditPage](ctx, c, q.values(), "audit")
}

// AuditEntry implements [AuditReader].
func (c *Client) AuditEntry(ctx context.Context, index int64) (*AuditDetail, error) {
	return get[AuditDetail](ctx, c, nil, "audit", "entries", strconv.FormatInt(index, 10))
}

// VerifyAudit implements [AuditVerifier].
func (c *Client) VerifyAudit(ctx context.Context, req VerifyRequest) (*Verification, error) {
	return change[Verification](ctx, c, http.MethodPost, req, "audit", "verify")
}

// AuditCheckpoint implements [AuditVerifier].
func (c *Client) AuditCheckpoint(ctx context.Context) (*Checkpoint, error) {
	return change[Checkpoint](ctx, c, http.MethodPost, nil, "audit", "checkpoint")
}

// Channels implements [Pairer].
func (c *Client) Channels(ctx context.Context) ([]Channel, error) {
	return list[Channel](ctx, c, nil, "channels")
}

// Pair implements [Pairer].
func (c *Client) Pair(ctx context.Context, req PairRequest) (*Person, error) {
	return change[Person](ctx, c, http.MethodPost, req, "pairings")
}

// Unpair implements [Pairer].
func (c *Client) Unpair(ctx context.Context, who string) (*Person, error) {
	return change[Person](ctx, c, http.MethodPost, UnpairRequest{who}, "unpairings")
}

// Secrets implements [SecretKeeper].
func (c *Client) Secrets(ctx context.Context) ([]Secret, error) {
	return list[Secret](ctx, c, nil, "secrets")
}

// SetSecret implements [SecretKeeper].
func (c *Client) SetSecret(ctx context.Context, name string, value []byte) error {
	_, err := change[empty](ctx, c, http.MethodPut, SecretRequest{value}, "secrets", name)
	return err
}

// RemoveSecret implements [SecretKeeper].
func (c *Client) RemoveSecret(ctx context.Context, name string) error {
	_, err := change[empty](ctx, c, http.MethodDelete, nil, "secrets", name)
	return err
}

// Kill implements [Switch]. Here the target may be a bare name, and empty means
// all.
func (c *Client) Kill(ctx context.Context, target, reason string) (*KillReport, error) {
	return change[KillReport](ctx, c, http.MethodPost, SwitchRequest{target, reason}, "kill")
}

// Resume implements [Switch]. Here the target may be a bare name, and empty
// means all.
func (c *Client) Resume(ctx context.Context, target string) (*ResumeReport, error) {
	return change[ResumeReport](ctx, c, http.MethodPost, SwitchRequest{Target: target}, "resume")
}

// Interrupt implements [Chatter].
func (c *Client) Interrupt(ctx context.Context, session string) (*Interruption, error) {
	return change[Interruption](ctx, c, http.MethodPost, nil, "sessions", session, "interrupt")
}

// Sessions implements [Chatter].
func (c *Client) Sessions(ctx context.Context) ([]Session, error) {
	return list[Session](ctx, c, nil, "sessions")
}

// SessionEntries implements [Chatter].
func (c *Client) SessionEntries(ctx context.Context, session string, last int) ([]SessionEntry, error) {
	return list[SessionEntry](ctx, c, url.Values{"last": {strconv.Itoa(last)}}, "sessions", session, "entries")
}

// Call implements [Caller].
func (c *Client) Call(ctx context.Context, req CallRequest) (*CallResult, error) {
	return change[CallResult](ctx, c, http.MethodPost, req, "call")
}

// Shutdown asks the host to end. It answers before it is gone; its lock is free
// when it is.
func (c *Client) Shutdown(ctx context.Context) error {
	_, err := change[empty](ctx, c, http.MethodPost, nil, "shutdown")
	return err
}
