//go:build unix

package cell

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"syscall"

	"github.com/ambithost/ambit/host/cell/confine"
)

// become replaces this process by the plugin's own program, confined as it is.
func become(o order) error {
	for fd := 3; fd < o.ReportFD; fd++ { // what it inherited, but the folder of its socket
		if confine.Descriptor(fd) != o.Plan.Socket {
			syscall.CloseOnExec(fd)
		}
	}
	defer runtime.KeepAlive(o.held)
	err := syscall.Exec(o.Plan.Program, []string{filepath.Base(o.Module)}, os.Environ())
	return fmt.Errorf("execute %s: %w (must be executable by others: chmod 755)", filepath.Base(o.Module), err)
}
