package control

import (
	"context"

	"github.com/ambithost/ambit/host/policy"
)

// Backend is what the API serves. Duties of an implementation:
//
//  1. Methods are safe for concurrent use.
//  2. Errors carry a protocol.Code ([*Error], *protocol.Error, *gate.Denial);
//     one without a code is reported as a defect.
//  3. What changes state is recorded in the audit log before the method
//     returns, and goes on to its end when ctx does not: the server detaches
//     it from the client, so ctx ends only at shutdown.
//  4. Returned values belong to the caller.
type Backend interface {
	StatusReader
	PluginReader
	PluginInstaller
	PluginEditor
	PluginKeeper
	PublisherKeeper
	Granter
	BudgetKeeper
	Approver
	PolicyReader
	PolicyTester
	PolicyExplainer
	PolicyReplayer
	AccessEvaluator
	AuditReader
	AuditVerifier
	SecretKeeper
	Switch
	Chatter
	Pairer
	Scheduler
	SkillKeeper
	Rememberer
	NoteEditor
	Caller
}

// StatusReader looks at the whole host.
type StatusReader interface {
	Status(ctx context.Context) (*Status, error)
	// Activity is what is in flight, and what the processes take.
	Activity(ctx context.Context) (*Activity, error)
}

// PluginReader looks at installed plugins.
type PluginReader interface {
	// Plugins returns all, by name.
	Plugins(ctx context.Context) ([]Plugin, error)
	// Plugin fails with not_found for an unknown name.
	Plugin(ctx context.Context, name string) (*PluginDetail, error)
}

// PluginInstaller installs in two steps, so that what the owner consents to is
// what gets installed.
type PluginInstaller interface {
	// PreviewInstall checks the plugin as far as can be done without running
	// it, keeps a copy, and says what it asks for.
	PreviewInstall(ctx context.Context, req PreviewRequest) (*Preview, error)
	// Install installs the copy kept for that preview and makes the grants.
	// A digest that is not the preview's is invalid, a preview that was
	// forgotten not_found. Nothing is installed when any grant is refused.
	Install(ctx context.Context, req InstallRequest) (*PluginDetail, error)
}

// PluginEditor changes installed plugins. All three end the plugin's cell.
type PluginEditor interface {
	// RemovePlugin revokes its grants and deletes its module. What it stored
	// (kv) is deleted too.
	RemovePlugin(ctx context.Context, name string) error
	SetPluginEnabled(ctx context.Context, name string, enabled bool) (*PluginDetail, error)
	// SetPluginConfig replaces the configuration; it is checked against the
	// plugin's schema first.
	SetPluginConfig(ctx context.Context, name string, config map[string]string) (*PluginDetail, error)
}

// PluginKeeper looks after versions.
type PluginKeeper interface {
	// Downloads are what previews that are being made are doing.
	Downloads(ctx context.Context) ([]Download, error)
	// RollbackPlugin brings back the version before; its grants stay.
	RollbackPlugin(ctx context.Context, name string) (*PluginDetail, error)
	// VerifyPlugins checks files, lock and signatures of all; no registry is asked.
	VerifyPlugins(ctx context.Context) ([]Checked, error)
}

// PublisherKeeper knows publishers by their keys.
type PublisherKeeper interface {
	Publishers(ctx context.Context) ([]Publisher, error)
	// ForgetPublisher lets the publisher's next key be its first again.
	ForgetPublisher(ctx context.Context, namespace string) error
}

// Granter makes and ends grants.
type Granter interface {
	// Grants returns those in force, of one plugin or with "" of all.
	Grants(ctx context.Context, plugin string) ([]Grant, error)
	Grant(ctx context.Context, req GrantRequest) (*Grant, error)
	// Revoke returns when no new effect of the grants can start. Revoking
	// what is not granted is not_found.
	Revoke(ctx context.Context, req RevokeRequest) (*Revocation, error)
}

// BudgetKeeper tells what was used of budgets.
type BudgetKeeper interface {
	Budgets(ctx context.Context) ([]Account, error)
	// ResolveBudget fails with not_found for an effect whose outcome is known.
	ResolveBudget(ctx context.Context, effect string, r BudgetResolution) error
}

// Approver asks the owner.
type Approver interface {
	// Approvals returns the pending ones, oldest first; with all also those
	// of the last day that were answered or expired.
	Approvals(ctx context.Context, all bool) ([]Approval, error)
	Approval(ctx context.Context, id string) (*Approval, error)
	// AnswerApproval answers a pending one; one no longer pending is invalid.
	AnswerApproval(ctx context.Context, id string, ans AnswerRequest) (*Approval, error)
	// AnswerApprovals answers all of them, or none if one is not pending or
	// not what was shown.
	AnswerApprovals(ctx context.Context, ans BatchRequest) ([]Approval, error)
}

// PolicyReader looks at policy. Nothing here changes what is in force.
type PolicyReader interface {
	PolicyStatus(ctx context.Context) (*PolicyStatus, error)
	// CheckPolicy reports a folder that can't be put in force as OK false.
	CheckPolicy(ctx context.Context, req PolicyCheckRequest) (*PolicyReport, error)
	// EvalPolicy decides a made-up request; nothing is done or recorded.
	EvalPolicy(ctx context.Context, req policy.Request) (*policy.Decision, error)
}

// PolicyTester helps who writes policies. Nothing here changes what is in force.
type PolicyTester interface {
	// TestPolicy runs a folder's tests. Tests that fail are a report, not an
	// error.
	TestPolicy(ctx context.Context, req PolicyCheckRequest) (*PolicyTestReport, error)
	// FormatPolicy writes nothing.
	FormatPolicy(ctx context.Context, req PolicyCheckRequest) (*PolicyFormat, error)
}

// PolicyExplainer tells why.
type PolicyExplainer interface {
	// ExplainPolicy decides a request anew, by what is in force now. What was
	// refused before policy was asked, and what is no longer kept, is invalid
	// or not_found and says so.
	ExplainPolicy(ctx context.Context, req PolicyExplainRequest) (*PolicyExplanation, error)
}

// PolicyReplayer tries another policy on what was recorded.
type PolicyReplayer interface {
	// ReplayPolicy decides recorded requests again; nothing is done.
	ReplayPolicy(ctx context.Context, req PolicyReplayRequest) (*PolicyReplay, error)
	// SuggestGrants looks at the time only.
	SuggestGrants(ctx context.Context, req PolicyReplayRequest) ([]Suggestion, error)
	// ActivatePolicy checks the folder once more. What is not From any more,
	// or not To, is invalid and changes nothing.
	ActivatePolicy(ctx context.Context, req PolicyActivateRequest) (*PolicyStatus, error)
}

// AccessEvaluator answers other enforcement points.
type AccessEvaluator interface {
	// EvaluateAccess decides as the gate would, or more strictly. A refusal
	// is a decision; an error is about a request that can't be decided.
	EvaluateAccess(ctx context.Context, req AccessRequest) (*AccessDecision, error)
}

// AuditReader reads the log.
type AuditReader interface {
	AuditEntries(ctx context.Context, q AuditQuery) (*AuditPage, error)
	AuditEntry(ctx context.Context, index int64) (*AuditDetail, error)
	// FollowAudit emits the matching entries from q.From (or the last q.Last)
	// and then new ones until ctx ends, when it returns nil, or emit fails,
	// when it returns that error. emit may block while the client is slow:
	// it must not be called by the log's writer or under a lock.
	FollowAudit(ctx context.Context, q AuditQuery, emit func(AuditEntry) error) error
}

// AuditVerifier proves the log.
type AuditVerifier interface {
	VerifyAudit(ctx context.Context, req VerifyRequest) (*Verification, error)
	// AuditCheckpoint signs the log as it is now.
	AuditCheckpoint(ctx context.Context) (*Checkpoint, error)
}

// SecretKeeper stores secrets. Values never come out through the API.
type SecretKeeper interface {
	Secrets(ctx context.Context) ([]Secret, error)
	SetSecret(ctx context.Context, name string, value []byte) error
	RemoveSecret(ctx context.Context, name string) error
}

// Switch is the kill switch. Target is "all", "agent:NAME" or "plugin:NAME".
type Switch interface {
	// Kill sets the latch, ends every cell of the target, and returns when
	// they are dead.
	Kill(ctx context.Context, target, reason string) (*KillReport, error)
	// Resume clears the latch for exactly that target.
	Resume(ctx context.Context, target string) (*ResumeReport, error)
}

// Chatter talks with an agent.
type Chatter interface {
	// Chat runs one turn and emits what happens. The turn belongs to the
	// host: it goes on when the client leaves, and ctx ends only at shutdown.
	// emit never blocks; it fails once the client is gone, which the turn
	// may ignore. An error returned before anything was emitted becomes the
	// answer, a later one a [ChatError] event.
	Chat(ctx context.Context, req ChatRequest, emit func(ChatEvent) error) error
	// Interrupt ends the turn of that session, if one runs.
	Interrupt(ctx context.Context, session string) (*Interruption, error)
	Sessions(ctx context.Context) ([]Session, error)
	// SessionEntries are the newest entries of a conversation, oldest first.
	SessionEntries(ctx context.Context, session string, last int) ([]SessionEntry, error)
}

// Pairer decides who may write to an agent.
type Pairer interface {
	// Channels lists the enabled channels and who writes over them. Codes are
	// not in it: whoever has one got it from the agent.
	Channels(ctx context.Context) ([]Channel, error)
	// Pair fails with not_found when nobody waits with the code.
	Pair(ctx context.Context, req PairRequest) (*Person, error)
	// Unpair forgets somebody; who writes again gets a code again.
	Unpair(ctx context.Context, who string) (*Person, error)
}

// Scheduler keeps what wakes agents.
type Scheduler interface {
	// Schedules returns those of all agents, heartbeats among them.
	Schedules(ctx context.Context) ([]Schedule, error)
	AddSchedule(ctx context.Context, req ScheduleRequest) (*Schedule, error)
	// RemoveSchedule is invalid for a heartbeat, which is a setting.
	RemoveSchedule(ctx context.Context, id string) error
	// RunSchedule runs one beside its times and does not wait for its turn. One
	// that runs is invalid.
	RunSchedule(ctx context.Context, id string) (*ScheduleRun, error)
}

// SkillKeeper keeps skills.
type SkillKeeper interface {
	Skills(ctx context.Context) ([]Skill, error)
	Skill(ctx context.Context, name string) (*SkillText, error)
	// PreviewSkill reads a folder and adds nothing.
	PreviewSkill(ctx context.Context, req SkillRequest) (*Skill, error)
	// AddSkill is invalid when the folder is no longer what was previewed.
	AddSkill(ctx context.Context, req SkillRequest) (*Skill, error)
	// RemoveSkill is invalid for one that an agent's settings name.
	RemoveSkill(ctx context.Context, name string) error
}

// Rememberer shows what agents remember.
type Rememberer interface {
	// Notes lists an agent's notes by name, or those that a search finds, the best
	// first.
	Notes(ctx context.Context, q NoteQuery) (*NoteList, error)
	Note(ctx context.Context, agent, name string) (*NoteInfo, error)
}

// NoteEditor changes what agents remember, as the owner.
type NoteEditor interface {
	// WriteNote is invalid when the note is not what the request says it was.
	WriteNote(ctx context.Context, name string, req NoteChange) (*NoteInfo, error)
	// LookBack has an agent note what it learned, now, and waits for it.
	LookBack(ctx context.Context, req LookbackRequest) (*Lookback, error)
	// ForgetNote takes a note away from everything that the host keeps beside the
	// log itself, and says which conversations still hold lines of it.
	ForgetNote(ctx context.Context, name string, req ForgetRequest) (*Forgotten, error)
}

// Caller calls a tool as the owner.
type Caller interface {
	Call(ctx context.Context, req CallRequest) (*CallResult, error)
}
