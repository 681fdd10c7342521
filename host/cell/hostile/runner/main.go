// Command runner is a cell's executable and nothing else. The corpus runs in it
// and not in the test binary, whose race detector needs more memory and time
// than a cell may have.
package main

import (
	"os"

	"github.com/ambithost/ambit/host/cell"
)

func main() { os.Exit(cell.Main(os.Args[1:])) }
