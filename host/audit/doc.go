// Package audit is the append-only log of everything the host let happen: an
// intent before each effect, an outcome after it, and every change to what is
// allowed. [Open] starts a log, [Log.Append] writes to it, [Verify] checks it
// from the files alone.
//
// # Guarantees
//
//   - A record appended with durable=true was on disk (fdatasync) before
//     Append returned; any other within a second. Many callers share one sync.
//   - An index, once returned, always names that record. [Log.Read] and
//     [Log.Follow] show durable records only, so what they showed stays.
//   - If the log can't be written (disk full, I/O error), Append fails with
//     [ErrUnavailable], and keeps failing until a write and a sync have
//     succeeded again. The log tries that by itself, leaves no half record
//     behind, and records the gap.
//   - A record torn by a crash is cut at the next Open and a [Recovery] record
//     says so. Damage anywhere else makes Open refuse.
//   - Arguments are not in the log, only HMAC-SHA256(salt, arguments). Salt
//     and arguments go to [Payloads], where erasing them leaves the log whole.
//
// # Files
//
//	lock              held (flock) while a log is open
//	key               Ed25519 signing key, readable by its owner only
//	journal/N         framed records from index N on, synced in front of effects
//	open              intents without an outcome at some size, to start quickly
//	public/verifier   the verifier key
//	public/checkpoint signed tree head
//	public/tile/…     Merkle tiles and entry bundles
//
// The folder public can be copied or served as it is: it is a log as described
// by https://c2sp.org/tlog-tiles, with checkpoints as in
// https://c2sp.org/tlog-checkpoint, and any tool for these reads it. An entry
// is the JSON of one [Record]. Tiles follow the journal by about a second; a
// journal file is removed once a durable checkpoint covers all of it.
//
// # What signing does not give
//
// Who holds the key can write another history and sign it. Only a checkpoint
// kept where that person can't reach (mailed, printed, witnessed) shows it:
// [Log.Checkpoint] returns one to export, and [Verify] takes it as Against.
// Cutting the newest entries off is likewise visible only against such a
// checkpoint.
package audit
