package main_test

import (
	"regexp"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// until runs ambit until what it prints matches: until PATTERN ARGUMENTS...
func until(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: until PATTERN ARGUMENTS...")
	}
	want, err := regexp.Compile("(?m)" + args[0])
	ts.Check(err)
	last := ""
	for deadline := time.Now().Add(3 * time.Minute); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		err := ts.Exec("ambit", args[1:]...)
		last = ts.ReadFile("stdout") + ts.ReadFile("stderr")
		if err == nil && want.MatchString(last) {
			return
		}
	}
	ts.Fatalf("ambit %v does not come to print %s; the last time:\n%s", args[1:], args[0], last)
}
