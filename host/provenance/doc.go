// Package provenance says where the content of a value appeared in what a
// session has read: in the owner's words, in which tools' results, or nowhere.
// Start at [Material.With] and [Material.Trace]; [Legible] judges text that
// leaves the host for another agent.
//
// The package guarantees: nothing that was read is left out of an answer's
// labels unless the value is accounted for without it. When the content of a
// value, or a part of it that matters, was not found, [Trace.Found] is the union
// of all that the session has read, because a paraphrase, a translation or a
// summary carries what it was made from. Being found in the owner's words is the
// only thing that clears a value, and it takes the very value there, whole and
// standing by itself: see [Trace.OwnerNamed].
//
// All sizes are bounded ([MaxText], [MaxMaterial], [MaxValue], [MaxWork]). Beyond
// a bound the answer is the cautious one, and [Trace.Why] says so. Answers depend
// on what was read and on the value, not on time, chance or order of calls.
package provenance
