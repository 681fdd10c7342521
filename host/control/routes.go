package control

import (
	"context"
	"slices"

	"github.com/ambithost/ambit/sdk/manifest"
	"github.com/ambithost/ambit/sdk/model"
	"github.com/ambithost/ambit/sdk/protocol"
)

// route is one endpoint. docs/control-api.md describes each; a test compares.
type route struct {
	pattern string   // method and path
	query   []string // parameters it takes
	body    int64    // most bytes of the body; 0: takes none
	serve   func(*exchange) error
}

// Sizes of bodies, in bytes.
const (
	smallBody  = 64 << 10
	mediumBody = 1 << 20
	chatBody   = 2*model.MaxImageBytes + mediumBody // images are base64
	secretBody = MaxSecret*4/3 + 1<<10              // base64
	callBody   = protocol.MaxArgs + smallBody       // the arguments and a bit around
)

// List is how a list looks on the wire.
type List[T any] struct {
	Items []T `json:"items"`
}

// routes is the whole API.
func routes() []route {
	return append(slices.Concat(policyRoutes(), agentRoutes()), []route{
		{"GET /v1/status", nil, 0, gives(func(x *exchange) (*Status, error) { return x.Status(x.ctx()) })},

		{"GET /v1/activity", nil, 0, gives(func(x *exchange) (*Activity, error) { return x.Activity(x.ctx()) })},

		{"POST /v1/shutdown", nil, 0, gives((*exchange).shutdown)},

		{"GET /v1/plugins", nil, 0, lists(func(x *exchange) ([]Plugin, error) { return x.Plugins(x.ctx()) })},
		{"POST /v1/plugins/preview", nil, mediumBody, takes((*exchange).preview)},
		{"POST /v1/plugins", nil, mediumBody, takes((*exchange).install)},
		{"GET /v1/plugins/{name}", nil, 0, named(func(x *exchange, name string) (*PluginDetail, error) { return x.Plugin(x.ctx(), name) })},
		{"DELETE /v1/plugins/{name}", nil, 0, named(func(x *exchange, name string) (empty, error) { return empty{}, x.RemovePlugin(x.whole(), name) })},
		{"PUT /v1/plugins/{name}/enabled", nil, smallBody, takes((*exchange).setEnabled)},
		{"PUT /v1/plugins/{name}/config", nil, mediumBody, takes((*exchange).setConfig)},

		{"POST /v1/plugins/{name}/rollback", nil, 0, named(func(x *exchange, name string) (*PluginDetail, error) { return x.RollbackPlugin(x.whole(), name) })},
		{"POST /v1/plugins/verify", nil, 0, lists(func(x *exchange) ([]Checked, error) { return x.VerifyPlugins(x.ctx()) })},
		{"GET /v1/downloads", nil, 0, lists(func(x *exchange) ([]Download, error) { return x.Downloads(x.ctx()) })},
		{"GET /v1/publishers", nil, 0, lists(func(x *exchange) ([]Publisher, error) { return x.Publishers(x.ctx()) })},
		{"POST /v1/publishers/forget", nil, smallBody, takes((*exchange).forgetPublisher)},

		{"GET /v1/grants", []string{"plugin"}, 0, lists(func(x *exchange) ([]Grant, error) { return x.Grants(x.ctx(), x.query.Get("plugin")) })},
		{"POST /v1/grants", nil, mediumBody, takes((*exchange).grant)},
		{"POST /v1/revocations", nil, smallBody, takes((*exchange).revoke)},

		{"GET /v1/budgets", nil, 0, lists(func(x *exchange) ([]Account, error) { return x.Budgets(x.ctx()) })},
		{"POST /v1/budgets/{effect}/resolution", nil, smallBody, takes((*exchange).resolveBudget)},

		{"GET /v1/approvals", []string{"all"}, 0, lists((*exchange).approvals)},
		{"GET /v1/approvals/{id}", nil, 0, gives((*exchange).approval)},
		{"POST /v1/approvals/{id}/answer", nil, smallBody, takes((*exchange).answer)},
		{"POST /v1/approvals/answers", nil, smallBody, takes((*exchange).answers)},

		{"GET /v1/audit", auditParams(), 0, gives((*exchange).auditPage)},
		{"GET /v1/audit/follow", auditParams(), 0, (*exchange).followAudit},
		{"GET /v1/audit/entries/{index}", nil, 0, gives((*exchange).auditEntry)},
		{"POST /v1/audit/verify", nil, mediumBody, takes((*exchange).verifyAudit)},
		{"POST /v1/audit/checkpoint", nil, 0, gives(func(x *exchange) (*Checkpoint, error) { return x.AuditCheckpoint(x.whole()) })},

		{"GET /v1/secrets", nil, 0, lists(func(x *exchange) ([]Secret, error) { return x.Secrets(x.ctx()) })},
		{"PUT /v1/secrets/{name}", nil, secretBody, takes((*exchange).setSecret)},
		{"DELETE /v1/secrets/{name}", nil, 0, gives((*exchange).removeSecret)},

		{"POST /v1/kill", nil, smallBody, takes((*exchange).kill)},
		{"POST /v1/resume", nil, smallBody, takes((*exchange).resume)},

		{"POST /v1/call", nil, callBody, takes((*exchange).call)},
	}...)
}

// agentRoutes are about agents: what is said to them, what wakes them, and what they
// know.
func agentRoutes() []route {
	return []route{
		{"POST /v1/chat", nil, chatBody, (*exchange).chat},
		{"GET /v1/sessions", nil, 0, lists(func(x *exchange) ([]Session, error) { return x.Sessions(x.ctx()) })},
		{"GET /v1/sessions/{id}/entries", []string{"last"}, 0, lists((*exchange).sessionEntries)},
		{"POST /v1/sessions/{id}/interrupt", nil, 0, gives((*exchange).interrupt)},

		{"GET /v1/channels", nil, 0, lists(func(x *exchange) ([]Channel, error) { return x.Channels(x.ctx()) })},
		{"POST /v1/pairings", nil, smallBody, takes(func(x *exchange, req PairRequest) (*Person, error) { return x.Pair(x.whole(), req) })},
		{"POST /v1/unpairings", nil, smallBody, takes(func(x *exchange, req UnpairRequest) (*Person, error) { return x.Unpair(x.whole(), req.Who) })},

		{"GET /v1/schedules", nil, 0, lists(func(x *exchange) ([]Schedule, error) { return x.Schedules(x.ctx()) })},
		{"POST /v1/schedules", nil, mediumBody, takes((*exchange).addSchedule)},
		{"DELETE /v1/schedules/{id}", nil, 0, gives((*exchange).removeSchedule)},
		{"POST /v1/schedules/{id}/run", nil, 0, gives((*exchange).runSchedule)},

		{"GET /v1/skills", nil, 0, lists(func(x *exchange) ([]Skill, error) { return x.Skills(x.ctx()) })},
		{"POST /v1/skills/preview", nil, smallBody, takes((*exchange).previewSkill)},
		{"POST /v1/skills", nil, smallBody, takes((*exchange).addSkill)},
		{"GET /v1/skills/{name}", nil, 0, gives((*exchange).skill)},
		{"DELETE /v1/skills/{name}", nil, 0, gives((*exchange).removeSkill)},

		{"GET /v1/notes", []string{"agent", "query"}, 0, gives((*exchange).notes)},
		{"GET /v1/notes/{name}", []string{"agent"}, 0, gives((*exchange).note)},
		{"PUT /v1/notes/{name}", nil, mediumBody, takes((*exchange).writeNote)},
		{"POST /v1/lookback", nil, smallBody, takes(func(x *exchange, req LookbackRequest) (*Lookback, error) { return x.LookBack(x.whole(), req) })},
		{"POST /v1/notes/{name}/forget", nil, smallBody, takes((*exchange).forgetNote)},
	}
}

// policyRoutes are about policy, and for other enforcement points.
func policyRoutes() []route {
	return []route{
		{"GET /v1/policy", nil, 0, gives(func(x *exchange) (*PolicyStatus, error) { return x.PolicyStatus(x.ctx()) })},
		{"POST /v1/policy/check", nil, smallBody, ofFolder(func(x *exchange) func(context.Context, PolicyCheckRequest) (*PolicyReport, error) {
			return x.CheckPolicy
		})},
		{"POST /v1/policy/test", nil, smallBody, ofFolder(func(x *exchange) func(context.Context, PolicyCheckRequest) (*PolicyTestReport, error) {
			return x.TestPolicy
		})},
		{"POST /v1/policy/format", nil, smallBody, ofFolder(func(x *exchange) func(context.Context, PolicyCheckRequest) (*PolicyFormat, error) {
			return x.FormatPolicy
		})},
		{"POST /v1/policy/explain", nil, mediumBody, takes((*exchange).explainPolicy)},
		{"POST /v1/policy/replay", nil, smallBody, takes((*exchange).replayPolicy)},
		{"GET /v1/policy/suggestions", []string{"since"}, 0, lists((*exchange).suggestGrants)},
		{"POST /v1/policy/activate", nil, smallBody, takes((*exchange).activatePolicy)},
		{"POST /v1/policy/eval", nil, mediumBody, takes((*exchange).evalPolicy)},

		{"POST /access/v1/evaluation", nil, mediumBody, takes((*exchange).evaluation)},
		{"POST /access/v1/evaluations", nil, mediumBody, takes((*exchange).evaluations)},
	}
}

// empty is the answer of what has nothing to say: {}.
type empty struct{}

// gives serves a route that takes no body.
func gives[Out any](f func(*exchange) (Out, error)) func(*exchange) error {
	return func(x *exchange) error {
		out, err := f(x)
		if err != nil {
			return err
		}
		return x.reply(out)
	}
}

// lists serves a list; none is [] on the wire, not null.
func lists[T any](f func(*exchange) ([]T, error)) func(*exchange) error {
	return gives(func(x *exchange) (List[T], error) {
		items, err := f(x)
		if items == nil {
			items = []T{}
		}
		return List[T]{items}, err
	})
}

// takes serves a route with a JSON body.
func takes[In, Out any](f func(*exchange, In) (Out, error)) func(*exchange) error {
	return gives(func(x *exchange) (Out, error) {
		var in In
		if err := x.decode(&in); err != nil {
			var none Out
			return none, err
		}
		return f(x, in)
	})
}

// named serves a route whose {name} is a plugin's.
func named[Out any](f func(*exchange, string) (Out, error)) func(*exchange) error {
	return gives(func(x *exchange) (Out, error) {
		name, err := x.pluginName()
		if err != nil {
			var none Out
			return none, err
		}
		return f(x, name)
	})
}

func (x *exchange) pluginName() (string, error) {
	name := x.r.PathValue("name")
	return name, checkPlugin(name)
}

func checkPlugin(name string) error {
	if err := manifest.CheckName(name); err != nil {
		return protocol.Errorf(protocol.Invalid, "%v", err)
	}
	return nil
}
