// Package cell starts plugins in confined processes of their own, calls them,
// and kills them: no third-party code runs in the host's process. A [Driver]
// starts one [Cell]; a [Pool] keeps those of many plugins. [Main] is the other
// end: what the ambit executable does when it is started as a cell.
//
// Guarantees:
//
//  1. A cell can do nothing but compute and ask for effects.
//  2. Kill ends a cell whatever it does, by SIGKILL to its process group
//     before anything else, and returns when it is reaped.
//  3. A call ends by its deadline; if the cell does not end it, the cell is
//     killed. Effects of a call are cancelled, and have returned, before the
//     call returns.
//  4. Whatever a cell sends, sizes, counts and rates are bounded; a cell that
//     breaks the protocol is killed.
//  5. Cells die with the host.
package cell
