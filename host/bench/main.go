// Command bench turns the output of `go test -bench` into the table of what
// Ambit aims at: each value of this one run, what it is compared with, the
// ratio and the aim.
//
//	go test -run '^$' -bench . ./... | go run ./host/bench
package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"path"
	"strconv"
	"strings"
	"text/tabwriter"
)

func main() {
	found, err := read(os.Stdin, os.Stderr)
	if err == nil {
		err = write(os.Stdout, found)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// results are values by package, benchmark and unit: "policy Decide/plugins=1 ns/op".
type results map[string]float64

// read collects results and passes the text on.
func read(r io.Reader, echo io.Writer) (results, error) {
	found, pkg := results{}, ""
	s := bufio.NewScanner(r)
	for s.Scan() {
		line := s.Text()
		fmt.Fprintln(echo, line)
		if p, ok := strings.CutPrefix(line, "pkg: "); ok {
			pkg = path.Base(p)
			continue
		}
		f := strings.Fields(line)
		if len(f) < 4 || !strings.HasPrefix(f[0], "Benchmark") {
			continue
		}
		name := strings.TrimPrefix(f[0], "Benchmark")
		if i := strings.LastIndexByte(name, '-'); i > 0 {
			name = name[:i] // GOMAXPROCS
		}
		for i := 2; i+1 < len(f); i += 2 {
			v, err := strconv.ParseFloat(f[i], 64)
			if err != nil {
				return nil, fmt.Errorf("%q: %w", line, err)
			}
			found[pkg+" "+name+" "+f[i+1]] = v
		}
	}
	return found, s.Err()
}

// write prints the table. A value that the run lacks is shown as such: a
// benchmark that was renamed must not drop out unseen.
func write(w io.Writer, found results) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "WHAT\tMEASURED\tAGAINST\tRATIO\tAIM\t")
	for _, r := range rows {
		fmt.Fprintln(t, r.line(found))
	}
	return t.Flush()
}

func (r row) line(found results) string {
	v, ok := found[r.value]
	if !ok {
		return r.what + "\tnot measured\t\t\t" + r.aim() + "\t"
	}
	cells := []string{r.what, r.unit.text(v), "", "", r.aim(), ""}
	judged := v
	if r.base != "" {
		base, ok := found[r.base]
		switch {
		case !ok:
			return r.what + "\t" + cells[1] + "\tnot measured\t\t" + r.aim() + "\t"
		case r.minus:
			judged = v - base*r.scaleOr1()
			cells[1], cells[2] = r.unit.text(judged), r.against
		default:
			judged = v / (base * r.scaleOr1())
			cells[2], cells[3] = r.against+" "+r.unit.text(base*r.scaleOr1()), fmt.Sprintf("%.2f", judged)
		}
	}
	if r.goal > 0 {
		cells[5] = "met"
		if judged > r.goal != r.atLeast {
			cells[5] = fmt.Sprintf("missed by a factor of %.2f", max(judged/r.goal, r.goal/judged))
		}
	}
	return strings.Join(cells, "\t")
}

func (r row) scaleOr1() float64 {
	if r.scale == 0 {
		return 1
	}
	return r.scale
}

func (r row) aim() string {
	switch {
	case r.goal == 0:
		return ""
	case r.base != "" && !r.minus:
		return fmt.Sprintf("%s %gx", r.sign(), r.goal)
	}
	return r.sign() + " " + r.unit.text(r.goal)
}

func (r row) sign() string {
	if r.atLeast {
		return ">="
	}
	return "<="
}
