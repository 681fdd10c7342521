package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"runtime/metrics"
	"strings"
	"time"

	starjson "go.starlark.net/lib/json"
	"go.starlark.net/lib/math"
	"go.starlark.net/resolve"
	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// Bounds of one program. They make ordinary mistakes end with an explanation;
// what slips past them (one enormous multiplication, say) ends with the cell.
const (
	maxCode   = 32 << 10    // bytes; the parser's stack grows with it
	maxOutput = 64 << 10    // bytes printed, and of the result
	maxSteps  = 100_000_000 // of Starlark's machine; a few seconds
	maxTime   = 10 * time.Second
	maxHeap   = 128 << 20 // bytes alive in this process
)

// dialect is Starlark with loops at the top level and while, which the step
// limit ends; recursion stays off.
func dialect() *syntax.FileOptions {
	return &syntax.FileOptions{Set: true, While: true, TopLevelControl: true, GlobalReassign: true}
}

const file = "program"

func execute(ctx context.Context, source string, input json.RawMessage) outcome {
	var printed capped
	thread := &starlark.Thread{
		Name:  file,
		Print: func(_ *starlark.Thread, s string) { printed.line(s) },
		Load: func(*starlark.Thread, string) (starlark.StringDict, error) {
			return nil, errors.New("there is nothing to load; json and math are here already")
		},
	}
	thread.SetMaxExecutionSteps(maxSteps)
	thread.OnMaxSteps = func(t *starlark.Thread) {
		t.Cancel(fmt.Sprintf("it took more than %d steps", maxSteps))
	}
	stop := watch(ctx, thread)
	defer stop()

	if _, err := dialect().ParseExpr(file, source, 0); err == nil {
		source = "result = (" + source + "\n)"
	}
	globals := starlark.StringDict{"json": starjson.Module, "math": math.Module, "input": starlark.None}
	if len(input) > 0 {
		v, err := starlark.Call(thread, starjson.Module.Members["decode"], starlark.Tuple{starlark.String(input)}, nil)
		if err != nil {
			return outcome{failure: "input: " + err.Error()}
		}
		globals["input"] = v
	}
	vars, err := starlark.ExecFileOptions(dialect(), thread, file, source, globals)
	out := outcome{printed: printed.b.String()}
	if err != nil {
		out.failure = explain(err)
		return out
	}
	if v, ok := vars["result"]; ok {
		out.value = show(v)
	}
	return out
}

// watch cancels the thread when the caller is gone, time is up, or memory runs
// short. The function it returns ends it and waits until it has.
func watch(ctx context.Context, thread *starlark.Thread) (stop func()) {
	ctx, cancel := context.WithTimeout(ctx, maxTime)
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				thread.Cancel(fmt.Sprintf("it took longer than %v, or nobody waits for it any more", maxTime))
				return
			case <-tick.C:
				if heap() <= maxHeap {
					continue
				}
				runtime.GC() // what is garbage is not held against it
				if heap() > maxHeap {
					thread.Cancel(fmt.Sprintf("it used more than %d MiB of memory", maxHeap>>20))
					return
				}
			}
		}
	}()
	return func() { cancel(); <-done }
}

func heap() uint64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// show writes a value as Starlark would; text as it is.
func show(v starlark.Value) string {
	s, isString := starlark.AsString(v)
	if !isString {
		s = v.String()
	}
	if len(s) > maxOutput {
		s = fmt.Sprintf("%s\n(result is cut: it has %d bytes)", strings.ToValidUTF8(s[:maxOutput], ""), len(s))
	}
	return s
}

// explain writes an error so that a model can mend its program.
func explain(err error) string {
	if eval, ok := errors.AsType[*starlark.EvalError](err); ok {
		trace := eval.Backtrace()
		if reason, cancelled := strings.CutPrefix(eval.Msg, "Starlark computation cancelled: "); cancelled {
			return "The program was ended: " + reason + ".\n" + trace
		}
		return trace
	}
	if list, ok := errors.AsType[resolve.ErrorList](err); ok {
		var lines []string
		for _, e := range list {
			lines = append(lines, e.Error())
		}
		return "The program is not valid:\n" + strings.Join(lines[:min(len(lines), 10)], "\n")
	}
	return "The program is not valid:\n" + err.Error()
}
