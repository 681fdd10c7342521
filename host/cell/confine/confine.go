// Package confine takes away from a process everything a cell does not need,
// one file a measure. The parent asks for what only a parent can give
// ([Levels], [Level.Attr]); the child then calls [Apply] before it touches
// anything that a plugin's author wrote, and a Wasm cell calls [Lock] once its
// module is loaded.
//
// Guarantees: a measure that could not be taken is reported as not enforced
// and never left out; nothing here can be undone by the confined process. On
// systems other than Linux every measure says that it is missing.
package confine

import "strings"

// Measure is one confinement measure and whether it is in force.
type Measure struct {
	Name     string `json:"name"`
	Enforced bool   `json:"enforced"`
	Detail   string `json:"detail,omitempty"` // level reached, or why not
}

// Names of measures.
const (
	ProcessGroup = "process-group" // one signal ends every process of the cell
	ParentDeath  = "parent-death"  // the cell dies with its host
	Namespaces   = "namespaces"    // own users, network, processes, IPC
	Credentials  = "credentials"   // no root, no capabilities, no new privileges
	Stdin        = "stdin"         // not the host's
	Environment  = "environment"   // only what a cell needs
	Rlimits      = "rlimits"       // files, memory, core dumps
	Landlock     = "landlock"      // no file but its own
	Seccomp      = "seccomp"       // only the system calls of a cell
	LoadLock     = "lock"          // Wasm: nothing is opened or made executable after loading
)

// Levels of isolation as policy sees them.
const (
	Confined = "confined" // every measure is in force
	Partial  = "partial"  // some are missing
	Process  = "process"  // a process of its own, and nothing more
)

// Isolation sums measures up. Without any measure it is [Process].
func Isolation(measures []Measure) string {
	need := map[string]bool{Namespaces: false, Credentials: false, Landlock: false, Seccomp: false}
	all, some := true, false
	for _, m := range measures {
		if _, ok := need[m.Name]; ok {
			need[m.Name] = m.Enforced
			some = some || m.Enforced && m.Name != Credentials
		}
		all = all && m.Enforced
	}
	for _, enforced := range need {
		all = all && enforced
	}
	switch {
	case all:
		return Confined
	case some:
		return Partial
	}
	return Process
}

// Purpose says what the child is about to do, and so what it may keep.
type Purpose string

const (
	RunWasm   Purpose = "wasm"    // run a module whose compiled form is in Cache
	Compile   Purpose = "compile" // parse and compile a module into Cache
	RunNative Purpose = "native"  // execute Program
)

// Plan tells [Apply] what the child may keep. Paths may be /proc/self/fd/N of
// an inherited descriptor, so that nothing depends on what the child's user
// may traverse.
type Plan struct {
	Purpose Purpose
	Socket  string // folder in which the child makes its socket
	Cache   string // folder of compiled modules: read-only to RunWasm; may be empty
	Program string // the file that RunNative executes
	DataMB  int    // private memory that may be mapped; 0: no limit
	// OwnUsers: the child has a user namespace, so that a limit on processes
	// counts the cell's alone.
	OwnUsers bool
}

// CleanEnviron keeps what go-plugin and the Go runtime of a cell need and
// drops the rest.
func CleanEnviron(env []string) (kept []string) {
	for _, e := range env {
		name, _, _ := strings.Cut(e, "=")
		switch name {
		case "AMBIT_PLUGIN", "PLUGIN_UNIX_SOCKET_DIR", "PLUGIN_PROTOCOL_VERSIONS",
			"PLUGIN_MIN_PORT", "PLUGIN_MAX_PORT", "GOTRACEBACK", "GOMAXPROCS", "GOMEMLIMIT":
			kept = append(kept, e)
		}
	}
	return kept
}

func enforced(name, detail string) Measure {
	return Measure{Name: name, Enforced: true, Detail: detail}
}

func missing(name, why string) Measure { return Measure{Name: name, Detail: why} }

// measure reports an error as the reason why a measure is missing.
func measure(name, detail string, err error) Measure {
	if err != nil {
		return missing(name, err.Error())
	}
	return enforced(name, detail)
}
