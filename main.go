// Command ambit runs AI agents whose every act passes a gate.
package main

import (
	"os"

	"github.com/ambithost/ambit/host/cli"
)

func main() { os.Exit(cli.Main()) }
