//go:build linux && !amd64

package main

func legacyFork(func(string, uintptr, ...uintptr)) {}
