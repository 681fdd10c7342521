package cell

import (
	"strings"
	"testing"

	"github.com/hashicorp/go-hclog"
	"google.golang.org/protobuf/proto"

	"github.com/ambithost/ambit/sdk/protocol/cellpb"
)

func encode(t testing.TB, f *cellpb.Frame) []byte {
	t.Helper()
	b, err := proto.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestCheckFrame(t *testing.T) {
	t.Parallel()
	hello := &cellpb.Frame{Body: &cellpb.Frame_Hello{Hello: &cellpb.Hello{Version: 1, Exports: []string{"a"}}}}
	result := &cellpb.Frame{Call: 7, Body: &cellpb.Frame_Result{Result: &cellpb.Result{Output: []byte("x")}}}
	many := &cellpb.Frame{Body: &cellpb.Frame_Hello{Hello: &cellpb.Hello{}}}
	for range 1 << 16 {
		many.GetHello().Measures = append(many.GetHello().Measures, &cellpb.Measure{})
	}
	for name, test := range map[string]struct {
		frame []byte
		ok    bool
	}{
		"hello":           {encode(t, hello), true},
		"result":          {encode(t, result), true},
		"effect":          {encode(t, &cellpb.Frame{Call: 1, Body: &cellpb.Frame_Effect{Effect: &cellpb.Effect{Id: 1}}}), true},
		"emit":            {encode(t, &cellpb.Frame{Call: 1, Body: &cellpb.Frame_Emit{Emit: &cellpb.Emit{}}}), true},
		"log":             {encode(t, &cellpb.Frame{Body: &cellpb.Frame_Log{Log: &cellpb.Log{}}}), true},
		"nothing":         {nil, false},
		"no body":         {encode(t, &cellpb.Frame{Call: 3}), false},
		"invoke":          {encode(t, &cellpb.Frame{Call: 3, Body: &cellpb.Frame_Invoke{Invoke: &cellpb.Invoke{}}}), false},
		"outcome":         {encode(t, &cellpb.Frame{Call: 3, Body: &cellpb.Frame_Outcome{Outcome: &cellpb.Outcome{}}}), false},
		"setup":           {encode(t, &cellpb.Frame{Body: &cellpb.Frame_Setup{Setup: &cellpb.Setup{}}}), false},
		"two bodies":      {append(encode(t, result), encode(t, result)...), false},
		"a list too long": {encode(t, many), false},
		"truncated":       {encode(t, result)[:4], false},
		"garbage":         {[]byte("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"), false},
		"unknown field":   {append(encode(t, result), 0xfa, 0x01, 0x00), false},
	} {
		if err := checkFrame(test.frame); (err == nil) != test.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzFrame(f *testing.F) {
	f.Add(encode(f, &cellpb.Frame{Call: 7, Body: &cellpb.Frame_Result{Result: &cellpb.Result{Output: []byte("x")}}}))
	f.Add([]byte{0x12, 0x00})
	f.Fuzz(func(t *testing.T, b []byte) {
		if checkFrame(b) != nil {
			return
		}
		var frame cellpb.Frame
		if proto.Unmarshal(b, &frame) != nil {
			return
		}
		switch frame.Body.(type) {
		case *cellpb.Frame_Hello, *cellpb.Frame_Result, *cellpb.Frame_Effect, *cellpb.Frame_Emit, *cellpb.Frame_Log:
		default:
			t.Errorf("admitted a frame of %T", frame.Body)
		}
		if len(frame.ProtoReflect().GetUnknown()) > 0 {
			t.Error("admitted unknown fields")
		}
	})
}

func TestPlain(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"hello, wörld 日本":     "hello, wörld 日本",
		"a\nb\tc\r\n":         `a\nb` + "\tc",
		"\x1b[31mred":         `\u001b[31mred`,
		"\x00\x7f\u0085":      `\u0000\u007f\u0085`,
		"left \u202eright":    `left \u202eright`,
		"zero\u200bwidth":     `zero\u200bwidth`,
		"line\u2028separator": `line\u2028separator`,
		"bad \xff byte":       `bad \xff byte`,
		"\ufffd stays":        "\ufffd stays",
	} {
		if got := plain(in, 100); got != want {
			t.Errorf("plain(%q) = %q, want %q", in, got, want)
		}
	}
	if got := plain(strings.Repeat("x", 200), 100); len(got) > 104 {
		t.Errorf("%d bytes, the limit is 100", len(got))
	}
}

func FuzzPlain(f *testing.F) {
	f.Add("\x1b[2J\u202e\xff")
	f.Fuzz(func(t *testing.T, s string) {
		for _, r := range plain(s, 1000) {
			if r < 0x20 && r != '\t' || r >= 0x7f && r < 0xa0 || r >= 0x2028 && r <= 0x202e {
				t.Errorf("holds %U", r)
			}
		}
	})
}

func TestHandshake(t *testing.T) {
	t.Parallel()
	p := &process{socketDir: t.TempDir(), seenAs: "/proc/self/fd/4"}
	for _, line := range []string{
		"", "\n", "1|1|unix|/proc/self/fd/4/absent|grpc\n", // right but for the socket
		"2|1|unix|/proc/self/fd/4/s|grpc\n", "1|2|unix|/proc/self/fd/4/s|grpc\n", "1|1|unix|/proc/self/fd/4/s|netrpc\n",
		"1|1|tcp|127.0.0.1:80|grpc\n", "1|1|unix|/var/run/docker.sock|grpc\n", "1|1|unix|/proc/self/fd/4/../../x|grpc\n",
		"1|1|unix|/proc/self/fd/4/|grpc\n", "1|1|unix|/proc/self/fd/4/..|grpc\n", "1|1|unix|/proc/self/fd/44/s|grpc\n",
		"1|1|unix|@abstract|grpc\n", "1|1|unix|/proc/self/fd/4/s|grpc|certificate\n", "\x1b[2J\n",
	} {
		if got, err := p.checkHandshake(line, nil); err == nil {
			t.Errorf("%q was taken for %q", line, got)
		} else if got := plain(err.Error(), 1000); got != err.Error() {
			t.Errorf("%q: the error is not plain: %q", line, err)
		}
	}
}

func TestLogRate(t *testing.T) {
	t.Parallel()
	l := newPluginLog(hclog.NewNullLogger(), "x")
	passed := 0
	now := l.last
	for range 10_000 {
		if _, ok := l.admit(now); ok {
			passed++
		}
	}
	if passed != logBurst {
		t.Errorf("%d lines at once, want %d", passed, logBurst)
	}
	now = now.Add(2 * reportGap)
	dropped, ok := l.admit(now)
	if !ok || dropped != 10_000-logBurst {
		t.Errorf("after a pause: %v, %d reported as dropped", ok, dropped)
	}
	if _, again := l.admit(now); !again {
		t.Error("the rate did not recover")
	}
}
