//go:build linux

// Command native is the corpus's native plugin: a static binary, as a plugin's
// author could ship, that tries to leave its cell. Each of its exports is one
// attack; it answers with a line for each thing it tried, "refused" or
// "ALLOWED". Under a name that begins with "broken-" it does not even keep the
// protocol (broken.go).
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/ambithost/ambit/sdk/native"
	"github.com/ambithost/ambit/sdk/protocol"
)

func main() {
	if how, ok := strings.CutPrefix(filepath.Base(os.Args[0]), "broken-"); ok {
		broken(how)
		return
	}
	native.Serve(plugin{})
}

// Targets are things outside the cell, prepared by the attacker's accomplice:
// the test.
type Targets struct {
	TCP      string // a listening address on the loopback of the host
	Unix     string // path of a listening socket, like docker.sock
	Abstract string // name of a listening abstract socket
	File     string // a file with a secret in it
	Dir      string // a folder anyone may write to
	HostPID  int
	Canary   string // a value in the host's environment
}

// attack tries things and reports each.
type attack func(t Targets, r *report)

func attacks() map[string]attack {
	return map[string]attack{
		"network": network, "sockets": sockets, "read": read, "write": write, "metadata": metadata,
		"execute": execute, "fork": fork, "signal": signal, "spy": spy, "environment": environment,
		"namespaces": namespaces, "kernel": kernel, "descriptors": descriptors, "socket-folder": socketFolder,
		"escape-parent": escapeParent,
		"memory-bomb":   memoryBomb, "shared-bomb": sharedBomb, "spin": spin, "thread-bomb": threadBomb, "fork-bomb": forkBomb, "stderr-flood": stderrFlood,
	}
}

type plugin struct{}

func (plugin) Setup(context.Context, map[string]string) error { return nil }

func (plugin) Exports() []string {
	names := []string{"ping"}
	for name := range attacks() {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func (plugin) Invoke(_ context.Context, call *native.Call) ([]byte, error) {
	if call.Export == "ping" {
		return call.Input, nil
	}
	a, ok := attacks()[call.Export]
	if !ok {
		return nil, protocol.Errorf(protocol.NotFound, "no attack %q", call.Export)
	}
	var t Targets
	if err := json.Unmarshal(call.Input, &t); err != nil {
		return nil, protocol.Errorf(protocol.Invalid, "targets: %v", err)
	}
	r := &report{}
	a(t, r)
	return []byte(strings.Join(r.lines, "\n")), nil
}

// report collects what came of each try.
type report struct{ lines []string }

// try records the outcome of one try. No error means that the cell let it, and
// so does one that says the kernel went as far as looking at the arguments.
func (r *report) try(what string, err error) {
	for _, looked := range []error{unix.EBADF, unix.EINVAL, unix.EFAULT, unix.ENOTTY} {
		if errors.Is(err, looked) {
			r.lines = append(r.lines, fmt.Sprintf("ALLOWED %s to reach the kernel: %v", what, err))
			return
		}
	}
	if err == nil {
		r.lines = append(r.lines, "ALLOWED "+what)
		return
	}
	r.lines = append(r.lines, fmt.Sprintf("refused %s: %v", what, err))
}

// call records the outcome of a raw system call.
func (r *report) call(what string, number, a, b, c, d uintptr) {
	fd, _, errno := unix.RawSyscall6(number, a, b, c, d, 0, 0)
	if errno != 0 {
		r.try(what, errno)
		return
	}
	r.try(fmt.Sprintf("%s = %d", what, fd), nil)
}
