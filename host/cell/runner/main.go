// Command runner is a cell's executable and nothing else. Tests start their
// cells from it and not from the test binary, whose race detector needs more
// memory than a cell may have.
package main

import (
	"os"

	"github.com/ambithost/ambit/host/cell"
)

func main() { os.Exit(cell.Main()) }
