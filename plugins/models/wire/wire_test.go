package wire

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/ambithost/ambit/sdk"
	"github.com/ambithost/ambit/sdk/model"
	"github.com/ambithost/ambit/sdk/protocol"
)

// TestOneForm: what the providers say in their own ways means the same.
func TestOneForm(t *testing.T) {
	t.Parallel()
	s := Server{Provider: Provider{Plugin: "p", Secret: "KEY"}, Host: "h"}
	inAnHour := time.Now().Add(time.Hour).UTC().Format(httpDate)
	for name, c := range map[string]struct {
		status int
		header sdk.Header
		body   string
		code   protocol.Code
		says   string
		wait   time.Duration // at least, and less than a minute less
	}{
		"wait in seconds":      {429, sdk.Header{"retry-after": {"7"}}, `{"error":{"message":"slow"}}`, protocol.Unavailable, "wait 7s", 7 * time.Second},
		"wait in milliseconds": {429, sdk.Header{"Retry-After-Ms": {"1500"}, "Retry-After": {"2"}}, `slow`, protocol.Unavailable, "wait 1.5s", 1500 * time.Millisecond},
		"wait until":           {503, sdk.Header{"Retry-After": {inAnHour}}, `busy`, protocol.Unavailable, "wait 59m", time.Hour},
		"wait until the past":  {503, sdk.Header{"Retry-After": {"Fri, 31 Dec 1999 23:59:59 GMT"}}, `busy`, protocol.Unavailable, "busy", 0},
		"wait in the body":     {429, nil, `{"error":{"message":"slow","details":[{"retryDelay":"3.5s"}]}}`, protocol.Unavailable, "wait 3.5s", 3500 * time.Millisecond},
		"a hostile wait":       {429, sdk.Header{"Retry-After": {"\x1b[31m" + strings.Repeat("9", 99)}}, ``, protocol.Unavailable, "it gave no reason", 0},
		"an endless wait":      {429, sdk.Header{"Retry-After": {"1e300"}}, ``, protocol.Unavailable, "it gave no reason", 0},
		"a wait before now":    {429, sdk.Header{"Retry-After": {"-5"}}, `{"error":"NaN"}`, protocol.Unavailable, "NaN", 0},
		"credit by status":     {402, nil, `{"error":"pay"}`, protocol.Failed, "no credit", 0},
		"type and no message":  {500, nil, `{"error":{"type":"api_error"}}`, protocol.Unavailable, "api_error", 0},
		"refused content":      {400, nil, `{"error":{"message":"flagged","code":"content_policy_violation"}}`, protocol.Failed, "refuses this content", 0},
		"no vision, OpenAI":    {400, nil, `{"error":{"message":"Invalid content type. image_url is only supported by certain models.","type":"invalid_request_error"}}`, protocol.Invalid, "can't read images", 0},
		"no vision, llama.cpp": {500, nil, `{"error":{"code":500,"message":"image input is not supported - hint: if this is unexpected, you may need to provide the mmproj","type":"server_error"}}`, protocol.Invalid, "can't read images", 0},
		"no vision, vLLM":      {400, nil, `{"error":{"message":"At most 0 image(s) may be provided in one prompt."}}`, protocol.Invalid, "can't read images", 0},
		"no vision, Ollama":    {400, nil, `{"error":"\"llama3\" does not support vision"}`, protocol.Invalid, "can't read images", 0},
		"no vision, Google":    {400, nil, `{"error":{"code":400,"message":"Image input modality is not enabled for models/x","status":"INVALID_ARGUMENT"}}`, protocol.Invalid, "can't read images", 0},
	} {
		err := StatusError(s, &sdk.Response{Status: c.status, Header: c.header}, []byte(c.body))
		if protocol.CodeOf(err) != c.code || !strings.Contains(err.Error(), c.says) || strings.ContainsRune(err.Error(), 0x1b) {
			t.Errorf("%s: %v (%s)", name, err, protocol.CodeOf(err))
		}
		if wait := protocol.WaitOf(err); wait > c.wait || wait < c.wait-time.Minute || (wait == 0) != (c.wait == 0) {
			t.Errorf("%s: asks to wait %v, want %v", name, wait, c.wait)
		}
	}
	if StreamError(nil) != nil || StreamError([]byte("null")) != nil {
		t.Error("no error is an error")
	}
}

// TestInPieces: where the network cuts a stream, in a letter or in a line's
// end, does not matter.
func TestInPieces(t *testing.T) {
	t.Parallel()
	const body = "\ufeff: hi\r\n\r\ndata: {\"a\":\"Grü\r\ndata: ße €\"}\r\r\ndata: {\"a\":\"😀\"}\n\n\ndata: [DONE]\n\n"
	read := func(r io.Reader) (said string, done bool) {
		done, err := Each(NewBody(r).Event, func(v struct{ A string }) error { said += v.A + "|"; return nil })
		if err != nil {
			t.Error(err)
		}
		return said, done
	}
	const whole = "data: {\"a\":\"Grüße €\"}\r\n\r\ndata: {\"a\":\"😀\"}\n\n\ndata: [DONE]\n\n"
	for name, r := range map[string]io.Reader{
		"at once": strings.NewReader(whole), "a byte at a time": iotest.OneByteReader(strings.NewReader(whole)),
		"halves": iotest.HalfReader(strings.NewReader(whole)), "the end with the last bytes": iotest.DataErrReader(strings.NewReader(whole)),
	} {
		if said, done := read(r); said != "Grüße €|😀|" || !done {
			t.Errorf("%s: %q, done %v", name, said, done)
		}
	}
	if err := NewBody(iotest.OneByteReader(strings.NewReader(body))).Event(new(any)); protocol.CodeOf(err) != protocol.Failed {
		t.Errorf("JSON that a line feed cuts in a string: %v", err)
	}
}

func TestBodyIsCapped(t *testing.T) {
	t.Parallel()
	endless := func() io.Reader { return io.MultiReader(strings.NewReader(`{"a":"`), forever{}) }
	var v any
	for name, err := range map[string]error{
		"JSON":   NewBody(endless()).JSON(&v),
		"value":  NewBody(endless()).Value(&v),
		"event":  NewBody(io.MultiReader(strings.NewReader("data: "), forever{})).Event(&v),
		"events": NewBody(forever{"data: x\n\n"}).Event(&v),
	} {
		if protocol.CodeOf(err) != protocol.Limit {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := NewBody(strings.NewReader("")).Value(&v); !errors.Is(err, io.EOF) {
		t.Errorf("nothing: %v", err)
	}
}

// forever repeats a text, or the letter x.
type forever []string

func (f forever) Read(p []byte) (int, error) {
	text := "x"
	if len(f) > 0 {
		text = f[0]
	}
	n := 0
	for n < len(p) {
		n += copy(p[n:], text)
	}
	return n, nil
}

func TestAnswerIsCapped(t *testing.T) {
	t.Parallel()
	a := NewAnswer(nil, nil)
	for range maxCalls {
		if _, err := a.AddCall("", "x"); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := a.AddCall("", "x"); protocol.CodeOf(err) != protocol.Limit {
		t.Errorf("one call more: %v", err)
	}
	if err := a.AddText(strings.Repeat("x", maxText)); protocol.CodeOf(err) != protocol.Limit {
		t.Errorf("too much text: %v", err)
	}
}

// TestIDs: whatever a server names its calls, the host gets ids of their own.
func TestIDs(t *testing.T) {
	t.Parallel()
	a := NewAnswer(nil, nil)
	for _, id := range []string{"call_1", "", "call_1", "a b", "call_1_"} {
		if _, err := a.AddCall(id, "x"); err != nil {
			t.Fatal(err)
		}
	}
	var ids []string
	for _, c := range a.Response(model.StopEnd).Calls {
		ids = append(ids, c.ID)
	}
	if got := strings.Join(ids, " "); got != "call_1 call_1_ call_2 call_3 call_4" {
		t.Errorf("ids %s", got)
	}
}
