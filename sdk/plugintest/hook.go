package plugintest

import (
	"encoding/json"
	"fmt"
	"reflect"
	"time"

	"github.com/ambithost/ambit/sdk/channel"
	"github.com/ambithost/ambit/sdk/protocol"
)

// hook gives the plugin a webhook whose signature was verified.
func (s *suite) hook(body string) ([]channel.Event, error) {
	in, err := json.Marshal(channel.Hook{ID: "msg_1", At: time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC), Body: []byte(body)})
	if err != nil {
		return nil, err
	}
	out, err := s.bounded(s.ctx, goodCall{protocol.ExportWebhook, "webhook", in}, s.world)
	if err != nil {
		return nil, err
	}
	var h channel.Hooked
	if err := decodeStrict(out, &h); err != nil {
		return nil, fmt.Errorf("output of webhook: %w: %.200s", err, out)
	}
	if len(h.Events) == 0 {
		return nil, fmt.Errorf("a webhook brought nothing: %.200s", body)
	}
	for i := range h.Events { // the host names them
		h.Events[i].ID = fmt.Sprintf("%s/%d", channel.HookID("msg_1"), i+1)
	}
	return h.Events, checkPolled(channel.Polled{Events: h.Events})
}

func checkHookTwice(s *suite) error {
	first, err := s.hook(s.cfg.Hook)
	if err != nil {
		return err
	}
	again, err := s.hook(s.cfg.Hook)
	if err == nil && !reflect.DeepEqual(first, again) {
		err = fmt.Errorf("the same webhook gave %+v, then %+v", first, again)
	}
	return err
}

func checkHookNonsense(s *suite) error {
	var g gather
	for _, body := range []string{"", "x", "null", "[]", "{}", `"x"`, "\xff", `{"type":1}`, `{"data":[]}`, `{"type":"x","data":{}}`, s.cfg.Hook[:len(s.cfg.Hook)/2]} {
		if _, err := s.hook(body); protocol.CodeOf(err) != protocol.Invalid || err == nil {
			g.add("webhook with the body %q: the code is %s instead of invalid: %v", body, protocol.CodeOf(err), err)
		}
		g.check(s.usable(fmt.Sprintf("the body %q", body)))
	}
	return g.err()
}
