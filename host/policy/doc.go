// Package policy turns Rego into decisions. Start at [Open]; [Engine.Decide]
// answers one [Request].
//
// The engine guarantees: what no rule admits is denied; an error denies; the
// layers of an organisation and the owner can only take away from what the base
// layer admits; a set of files that does not load leaves the last good one in
// force; a rule that does not end is cut off; no rule reaches the network, the
// clock, the environment or chance.
//
// Policies see the JSON of the Request as input, and beside it input.facts,
// which no caller can set:
//
//	known           whether the capability is in the vocabulary
//	risk            the vocabulary's risk, if it is known
//	leads_out       whether it reaches addresses out of the host, if it is known
//	required        whether context.requires covers the request
//	required_lacks  why not
//	granted         whether context.grant.scope covers the request
//	granted_lacks   why not
//
// It is the only package that imports OPA.
package policy
