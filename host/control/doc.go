// Package control is the host's control API: HTTP/JSON with server-sent events
// over a unix socket in AMBIT_HOME. The command line and the console are
// clients of it and of nothing else.
//
// [Server] serves what a [Backend] does; [Client] is a Backend that asks a
// running host. [Lock] makes sure that one home has one host. The types whose
// names appear in [Backend] are the wire format: what `--json` prints is their
// JSON. docs/control-api.md lists the endpoints.
//
// Guarantees: only the user who owns the home is served (socket of mode 0600
// in a folder of mode 0700, and the peer's uid where the system tells it);
// requests are capped, strict JSON; a client that does not read can't hold up
// the host; no panic of a handler leaves this package.
//
// Times are RFC 3339 in UTC, durations integer microseconds in fields named
// micros, sizes bytes, digests "sha256:" and hex.
package control
