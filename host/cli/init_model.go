package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// modelChoice is a model that init can set up.
type modelChoice struct {
	plugin string
	model  string // as the provider knows it; empty: the plugin's configuration says
	env    string // variable that holds its key; empty: none is needed
	store  string // as which secret that is kept
	why    string // for people
}

// setting is how ambit.yaml names it.
func (m modelChoice) setting() string {
	if m.model == "" {
		return m.plugin
	}
	return m.plugin + "/" + m.model
}

// providers are those with the variables in which their keys usually stand.
var providers = []modelChoice{
	{plugin: "anthropic", env: "ANTHROPIC_API_KEY", store: "ANTHROPIC_API_KEY"},
	{plugin: "openai", env: "OPENAI_API_KEY", store: "OPENAI_API_KEY"},
	{plugin: "gemini", env: "GEMINI_API_KEY", store: "GEMINI_API_KEY"},
	{plugin: "gemini", env: "GOOGLE_API_KEY", store: "GEMINI_API_KEY"},
}

// ollamaServer is where Ollama listens.
const ollamaServer = "http://127.0.0.1:11434"

// discover finds what could be used at once.
func (a *app) discover(ctx context.Context) (found []modelChoice) {
	for _, k := range providers {
		seen := slices.ContainsFunc(found, func(m modelChoice) bool { return m.plugin == k.plugin })
		if os.Getenv(k.env) != "" && !seen {
			k.why = k.env + " is set"
			found = append(found, k)
		}
	}
	for _, name := range ollamaModels(ctx) {
		found = append(found, modelChoice{plugin: "ollama", model: name, why: "on this machine"})
	}
	return append(found, modelChoice{plugin: "rehearsal", why: "follows patterns; no model, no key: to try Ambit"})
}

// ollamaModels asks an Ollama on this machine what it has; none is no error.
func ollamaModels(ctx context.Context) (names []string) {
	ctx, done := context.WithTimeout(ctx, time.Second)
	defer done()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, ollamaServer+"/api/tags", nil)
	if err != nil {
		return nil
	}
	client := &http.Client{Transport: &http.Transport{}} // to this machine, by no proxy
	defer client.CloseIdleConnections()
	resp, err := client.Do(req)
	if err != nil {
		return nil
	}
	defer resp.Body.Close()
	var list struct {
		Models []struct {
			Name string `json:"name"`
		} `json:"models"`
	}
	if json.NewDecoder(io.LimitReader(resp.Body, 1<<20)).Decode(&list) != nil {
		return nil
	}
	for _, m := range list.Models {
		if m.Name != "" && len(m.Name) < 200 && len(names) < 20 {
			names = append(names, m.Name)
		}
	}
	return names
}

// chooseModel takes the flag's, the only sensible one, or the person's.
func (a *app) chooseModel(ctx context.Context, o initOptions) (modelChoice, error) {
	found := a.discover(ctx)
	if o.model != "" {
		return wanted(o.model, found), nil
	}
	if o.unattended {
		if len(found) == 1 {
			return modelChoice{}, usagef("no key is in the environment (%s) and no Ollama answers at %s: set one, or say --model rehearsal to try Ambit without a model", keyNames(), ollamaServer)
		}
		return found[0], nil
	}
	fmt.Fprintln(a.out, "Which language model?")
	for i, m := range found {
		fmt.Fprintf(a.out, "  %d  %-24s %s\n", i+1, line(m.setting()), line(m.why))
	}
	fmt.Fprint(a.err, "A number, or PLUGIN/MODEL [1]: ")
	answer, err := a.answer()
	if err != nil {
		return modelChoice{}, err
	}
	choice := found[0]
	if n, err := strconv.Atoi(answer); err == nil {
		if n < 1 || n > len(found) {
			return modelChoice{}, usagef("there is no %d in the list", n)
		}
		choice = found[n-1]
	} else if answer != "" {
		choice = wanted(answer, found)
	}
	if choice.model == "" && choice.plugin != "rehearsal" {
		fmt.Fprintf(a.err, "Which model of %s, as the provider names it? ", choice.plugin)
		if choice.model, err = a.answer(); err != nil {
			return modelChoice{}, err
		}
	}
	return choice, nil
}

// wanted reads PLUGIN or PLUGIN/MODEL, with the key that was found for it.
func wanted(text string, found []modelChoice) modelChoice {
	m := modelChoice{}
	m.plugin, m.model, _ = strings.Cut(text, "/")
	for _, f := range found {
		if f.plugin == m.plugin && f.env != "" {
			m.env, m.store = f.env, f.store
		}
	}
	return m
}

func keyNames() string {
	var names []string
	for _, k := range providers {
		names = append(names, k.env)
	}
	return strings.Join(names, ", ")
}
