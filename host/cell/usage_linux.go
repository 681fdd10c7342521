package cell

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// UsageOf reads what a process takes: its memory, with its part of what it shares
// (PSS) where the system tells and else all that is resident, and the processor
// time of all its life. Zero: not known, or gone.
func UsageOf(pid int) (memory int64, cpu time.Duration) {
	return memoryOf(pid), cpuOf(pid)
}

func memoryOf(pid int) int64 {
	if text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid)); err == nil {
		for line := range strings.Lines(string(text)) {
			if f := strings.Fields(line); len(f) > 1 && f[0] == "Pss:" {
				kb, _ := strconv.ParseInt(f[1], 10, 64)
				return kb << 10
			}
		}
	}
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if f := strings.Fields(string(text)); err == nil && len(f) > 1 {
		pages, _ := strconv.ParseInt(f[1], 10, 64)
		return pages * int64(os.Getpagesize())
	}
	return 0
}

// tick is the unit of /proc/PID/stat, USER_HZ, which is the same on all of Linux's
// architectures that Go builds for.
const tick = 10 * time.Millisecond

func cpuOf(pid int) time.Duration {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	// The name, in brackets, may hold anything.
	f := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	if len(f) < 13 {
		return 0
	}
	user, _ := strconv.ParseInt(f[11], 10, 64)
	system, _ := strconv.ParseInt(f[12], 10, 64)
	return time.Duration(user+system) * tick
}
