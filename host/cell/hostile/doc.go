// Package hostile is the corpus of attacks that cells are tested against: Wasm
// modules, written by a small encoder, and one native program (folder native)
// with an attack an export. Start at [Wasm] and [Native]. Its tests run each in
// a real cell and hold docs/hostile.md to the corpus.
package hostile
