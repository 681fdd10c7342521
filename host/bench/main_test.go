package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestTable(t *testing.T) {
	t.Parallel()
	found, err := read(strings.NewReader(`goos: linux
pkg: example.org/x/host/cell/wasm
BenchmarkRaw-2   	 100	     10000 ns/op
BenchmarkRawCompute/plain-2  	 10	 100000 ns/op
BenchmarkRawCompute/with_a_timeout-2  	 10	 900000 ns/op
pkg: example.org/x/host/cell
BenchmarkCompute-2  	 10	 150000 ns/op	 12 B/op
pkg: example.org/x/host
BenchmarkTool/bare-2   100   99 ns/op   150.0 p50-µs   900.0 p99-µs
BenchmarkTool/read-2   100   99 ns/op   200.0 p50-µs   900.0 p99-µs
PASS
`), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := write(&b, found); err != nil {
		t.Fatal(err)
	}
	for _, want := range [][]string{
		{"the same through a cell", "150 µs", "in process 10 µs", "15.00"},
		{"add to a read", "50 µs", "<= 60 µs", "met"},
		{"work in a cell", "1.50", "<= 1.1x", "missed by a factor of 1.36"},
		{"with a timeout", "6.00", ">= 5x", "met"},
		{"idle host", "not measured"},
	} {
		ok := false
		for line := range strings.Lines(b.String()) {
			has := true
			for _, w := range want {
				has = has && strings.Contains(line, w)
			}
			ok = ok || has
		}
		if !ok {
			t.Errorf("no line has %q:\n%s", want, b.String())
		}
	}
}

// TestRows: each row is about a benchmark that there is.
func TestRows(t *testing.T) {
	t.Parallel()
	var all strings.Builder
	for _, pattern := range []string{"../*_test.go", "../*/*_test.go", "../*/*/*_test.go", "../../*_test.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			text, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			all.Write(text)
		}
	}
	for _, r := range rows {
		for _, key := range []string{r.value, r.base} {
			if key == "" {
				continue
			}
			_, rest, _ := strings.Cut(key, " ")
			name, _, _ := strings.Cut(rest, " ")
			name, _, _ = strings.Cut(name, "/")
			if !strings.Contains(all.String(), "func Benchmark"+name+"(b *testing.B)") {
				t.Errorf("row %q is about %s, which there is not", r.what, key)
			}
		}
	}
}
