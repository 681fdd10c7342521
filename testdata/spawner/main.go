// Command spawner asks for a host function that no plugin gets.
//
//go:build wasip1

package main

//go:wasmimport env spawn
func spawn(int32) int32

//go:wasmexport call
func call() int32 { return spawn(1) }

func main() {}
