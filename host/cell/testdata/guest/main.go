// Command guest is the Wasm plugin of the cell tests.
//
//go:build wasip1

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/extism/go-pdk"
)

//go:wasmimport extism:host/user effect
func hostEffect(uint64) uint64

func effect(name, args string) string {
	in := pdk.AllocateString(fmt.Sprintf(`{"name":%q,"args":%s}`, name, args))
	out := pdk.FindMemory(hostEffect(in.Offset()))
	return string(out.ReadBytes())
}

//go:wasmexport echo
func echo() int32 { pdk.Output(pdk.Input()); return 0 }

// twice asks for two effects, emits between them, and answers with both.
//
//go:wasmexport twice
func twice() int32 {
	first := effect("kv.read", `{"key":"a"}`)
	effect("emit", `{"piece":1}`)
	second := effect("kv.read", `{"key":"b"}`)
	effect("emit", `{"piece":2}`)
	pdk.OutputString(first + second)
	return 0
}

//go:wasmexport config
func config() int32 {
	v, ok := pdk.GetConfig(pdk.InputString())
	pdk.OutputString(fmt.Sprint(v, ok))
	return 0
}

//go:wasmexport talk
func talk() int32 {
	pdk.Log(pdk.LogInfo, "information \x1b[31m red")
	pdk.Log(pdk.LogError, "an error")
	fmt.Println("printed")
	fmt.Fprintln(os.Stderr, "complained")
	return 0
}

//go:wasmexport spin
func spin() int32 {
	for n := 0; ; n++ {
		if n < 0 {
			return 1
		}
	}
}

//go:wasmexport trap
func trap() int32 { panic("on purpose") }

//go:wasmexport fail
func fail() int32 { pdk.SetError(errors.New("it did not work")); return 1 }

var hoard [][]byte

//go:wasmexport eat
func eat() int32 {
	for {
		b := make([]byte, 1<<20)
		for i := 0; i < len(b); i += 4096 {
			b[i] = 1
		}
		hoard = append(hoard, b)
	}
}

//go:wasmexport fetch
func fetch() int32 {
	r := pdk.NewHTTPRequest(pdk.MethodPost, pdk.InputString())
	r.SetHeader("X-Test", "yes")
	r.SetBody([]byte("the body"))
	res := r.Send()
	pdk.OutputString(fmt.Sprintf("%d %s %s", res.Status(), res.Headers()["x-answer"], res.Body()))
	return 0
}

// surroundings reports what WASI shows.
//
//go:wasmexport surroundings
func surroundings() int32 {
	_, fileErr := os.ReadFile("/etc/passwd")
	_, dirErr := os.ReadDir("/")
	out, _ := json.Marshal(map[string]any{
		"year": time.Now().Year(), "env": strings.Join(os.Environ(), " "), "args": strings.Join(os.Args, " "),
		"file": fileErr != nil, "dir": dirErr != nil,
	})
	pdk.Output(out)
	return 0
}

// sum is work for the processor.
//
//go:wasmexport sum
func sum() int32 {
	var h uint32 = 2166136261
	for i := range uint32(20_000_000) {
		h = (h ^ i&0xff) * 16777619
	}
	pdk.OutputString(fmt.Sprint(h))
	return 0
}

func main() {}
