package wire

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/ambithost/ambit/sdk"
	"github.com/ambithost/ambit/sdk/model"
	"github.com/ambithost/ambit/sdk/protocol"
)

// TestOneForm: what the providers say in their own ways means the same.
func TestOneForm(t *testing.T) {
	t.Parallel()
	s := Server{Provider: Provider{Plugin: "p", Secret: "KEY"}, Host: "h"}
	for name, c := range map[string]struct {
		status int
		header sdk.Header
		body   string
		code   protocol.Code
		says   string
	}{
		"wait in seconds":      {429, sdk.Header{"retry-after": {"7"}}, `{"error":{"message":"slow"}}`, protocol.Unavailable, "wait 7 s"},
		"wait in milliseconds": {429, sdk.Header{"Retry-After-Ms": {"1500"}, "Retry-After": {"2"}}, `slow`, protocol.Unavailable, "wait 1.5 s"},
		"wait until":           {503, sdk.Header{"Retry-After": {"Fri, 31 Dec 2027 23:59:59 GMT"}}, `busy`, protocol.Unavailable, "wait Fri,31Dec2027"},
		"wait in the body":     {429, nil, `{"error":{"message":"slow","details":[{"retryDelay":"3.5s"}]}}`, protocol.Unavailable, "wait 3.5 s"},
		"a hostile wait":       {429, sdk.Header{"Retry-After": {"\x1b[31m" + strings.Repeat("9", 99)}}, ``, protocol.Unavailable, "it gave no reason; it asks to wait [31m999"},
		"credit by status":     {402, nil, `{"error":"pay"}`, protocol.Failed, "no credit"},
		"type and no message":  {500, nil, `{"error":{"type":"api_error"}}`, protocol.Unavailable, "api_error"},
		"refused content":      {400, nil, `{"error":{"message":"flagged","code":"content_policy_violation"}}`, protocol.Failed, "refuses this content"},
	} {
		err := StatusError(s, &sdk.Response{Status: c.status, Header: c.header}, []byte(c.body))
		if protocol.CodeOf(err) != c.code || !strings.Contains(err.Error(), c.says) || strings.ContainsRune(err.Error(), 0x1b) {
			t.Errorf("%s: %v (%s)", name, err, protocol.CodeOf(err))
		}
	}
	if StreamError(nil) != nil || StreamError([]byte("null")) != nil {
		t.Error("no error is an error")
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
