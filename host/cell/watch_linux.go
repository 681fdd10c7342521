package cell

import (
	"bytes"
	"os"
	"strconv"
	"time"

	"github.com/ambithost/ambit/sdk/protocol"
)

// How often a cell's memory is looked at: while it works, and while it idles.
const (
	watchBusy = 100 * time.Millisecond
	watchIdle = time.Second
)

// watch kills the cell when it touches more memory than it may: no resource
// limit of the kernel counts that.
func (c *Cell) watch() {
	limit := c.spec.residentMB(c.purpose)
	path := "/proc/" + strconv.Itoa(c.PID()) + "/status"
	for {
		c.pause(c.watchGap())
		select {
		case <-c.dying:
			return
		default:
		}
		if mb := resident(path) >> 10; mb > limit {
			c.die(protocol.Errorf(protocol.Limit, "plugin %s was killed: its cell used %d MiB of memory, the limit is %d", c.spec.Plugin, mb, limit), 0)
			return
		}
	}
}

func (c *Cell) watchGap() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.calls) == 0 && c.last > 0 {
		return watchIdle
	}
	return watchBusy
}

// resident counts the memory that a process took from the machine, in KiB:
// its own pages and those it shares with nobody, but not those of files; 0 if
// it is gone. The format is proc_pid_status(5).
func resident(path string) int {
	b, err := os.ReadFile(path)
	if err != nil {
		return 0
	}
	sum := 0
	for line := range bytes.Lines(b) {
		name, value, _ := bytes.Cut(line, []byte(":"))
		if string(name) != "RssAnon" && string(name) != "RssShmem" {
			continue
		}
		if kib, err := strconv.Atoi(string(bytes.TrimSuffix(bytes.TrimSpace(value), []byte(" kB")))); err == nil {
			sum += kib
		}
	}
	return sum
}
