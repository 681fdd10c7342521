package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"strings"

	"github.com/ambithost/ambit/sdk/model"
	"github.com/ambithost/ambit/sdk/protocol"
)

// scenario is the format that the README describes.
type scenario struct {
	Scenes []struct {
		On    string `json:"on"`
		Steps []step `json:"steps"`
	} `json:"scenes"`
}

type step struct {
	From  string `json:"from,omitempty"`
	Say   string `json:"say,omitempty"`
	Calls []struct {
		Tool string         `json:"tool"`
		Args map[string]any `json:"args"`
	} `json:"calls,omitempty"`
}

// play answers by the scenario; played is false when no scene is on.
func play(text string, t turn) (resp model.Response, played bool, err error) {
	if strings.TrimSpace(text) == "" {
		return resp, false, nil
	}
	var s scenario
	dec := json.NewDecoder(bytes.NewReader([]byte(text)))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&s); err != nil {
		return resp, false, protocol.Errorf(protocol.Invalid, "scenario: %v", err)
	}
	for i, scene := range s.Scenes {
		on, err := regexp.Compile(scene.On)
		if err != nil {
			return resp, false, protocol.Errorf(protocol.Invalid, "scenario: scene %d: on: %v", i+1, err)
		}
		if on.MatchString(t.owner) {
			resp, err := act(scene.Steps, t)
			return resp, true, err
		}
	}
	return resp, false, nil
}

// act finds the step for this answer: the one after those already answered,
// without those whose condition is not met.
func act(steps []step, t turn) (model.Response, error) {
	if t.asked < len(steps) {
		for _, st := range steps[t.asked:] {
			fill, ok, err := st.groups(t.results)
			if err != nil {
				return model.Response{}, err
			}
			if ok {
				return st.answer(fill, t.asked)
			}
		}
	}
	return model.Response{Text: "The scenario ends here."}, nil
}

// groups applies from; fill replaces what it found.
func (st step) groups(results []string) (fill *strings.Replacer, ok bool, err error) {
	if st.From == "" {
		return strings.NewReplacer(), true, nil
	}
	re, err := regexp.Compile(st.From)
	if err != nil {
		return nil, false, protocol.Errorf(protocol.Invalid, "scenario: from: %v", err)
	}
	all := re.FindAllStringSubmatch(strings.Join(results, "\n"), -1)
	if len(all) == 0 {
		return nil, false, nil
	}
	var pairs []string
	for i, group := range all[len(all)-1] {
		pairs = append(pairs, fmt.Sprintf("$url%d", i), url.QueryEscape(group), fmt.Sprintf("$%d", i), group)
	}
	return strings.NewReplacer(pairs...), true, nil
}

func (st step) answer(fill *strings.Replacer, n int) (model.Response, error) {
	resp := model.Response{Text: fill.Replace(st.Say)}
	for i, c := range st.Calls {
		args := map[string]any{}
		for k, v := range c.Args {
			if s, isText := v.(string); isText {
				v = fill.Replace(s)
			}
			args[k] = v
		}
		b, err := json.Marshal(args)
		if err != nil {
			return resp, protocol.Errorf(protocol.Invalid, "scenario: arguments of %s: %v", c.Tool, err)
		}
		resp.Calls = append(resp.Calls, model.ToolCall{ID: fmt.Sprintf("r%d-%d", n+1, i+1), Name: strings.Replace(c.Tool, "/", "__", 1), Args: b})
	}
	return resp, nil
}
