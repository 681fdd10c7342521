package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/ambithost/ambit/sdk/capability"
)

// suite is one file of recorded traces.
type suite struct {
	Name       string `json:"suite"`
	Tools      []tool `json:"tools"`
	Users      []task `json:"user_tasks"`
	Injections []task `json:"injection_tasks"`
	notes      annotations
}

// tool is a tool of the benchmark: its arguments' types and descriptions are of
// no use here.
type tool struct {
	Name string                     `json:"name"`
	Args map[string]json.RawMessage `json:"args"`
}

type task struct {
	ID     string `json:"id"`
	Prompt string `json:"prompt"` // of a user task
	Goal   string `json:"goal"`   // of an injection
	Calls  []call `json:"calls"`
}

type call struct {
	Function string         `json:"function"`
	Args     map[string]any `json:"args"`
	Output   output         `json:"output"`
	Vectors  []string       `json:"vectors_seen"`
}

// output is what a tool answered: a text, or any other JSON as its text.
type output string

// UnmarshalJSON takes any value; null is an empty answer.
func (o *output) UnmarshalJSON(b []byte) error {
	var text string
	switch {
	case string(b) == "null":
	case b[0] != '"':
		text = string(b)
	default:
		if err := json.Unmarshal(b, &text); err != nil {
			return err
		}
	}
	*o = output(text)
	return nil
}

// annotation is what a manifest says of a tool.
type annotation struct {
	Name         string          `yaml:"name"`
	Capability   string          `yaml:"capability"`
	Risk         capability.Risk `yaml:"risk"`
	Labels       []string        `yaml:"labels"`
	Destinations []string        `yaml:"destinations"`
	Contents     []string        `yaml:"contents"`
}

type annotations map[string]annotation

// parseAnnotations takes a map by the tool's name, or a list with names. Fields
// that are not known are refused.
func parseAnnotations(text []byte) (annotations, error) {
	var byName struct {
		Tools annotations `yaml:"tools"`
	}
	err := strict(text, &byName)
	if err == nil {
		return byName.Tools, nil
	}
	var listed struct {
		Tools []annotation `yaml:"tools"`
	}
	if strict(text, &listed) != nil {
		return nil, fmt.Errorf("annotations: %w", err)
	}
	all := annotations{}
	for _, one := range listed.Tools {
		all[one.Name] = one
	}
	return all, nil
}

func strict(text []byte, v any) error {
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	return d.Decode(v)
}

// maxFile caps a file of traces or annotations.
const maxFile = 64 << 20

// load reads the suites of the data folder that have annotations, by name.
func load(data string, notes fs.FS) ([]suite, error) {
	files, err := filepath.Glob(filepath.Join(data, "*.json"))
	if err != nil {
		return nil, err
	}
	slices.Sort(files)
	var out []suite
	for _, file := range files {
		base := strings.TrimSuffix(filepath.Base(file), ".json")
		text, err := fs.ReadFile(notes, base+".annotations.yaml")
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		s, err := read(file, text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", base, err)
		}
		if s.Name == "" {
			s.Name = base
		}
		out = append(out, s)
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%s holds no SUITE.json for which there is a SUITE.annotations.yaml", data)
	}
	return out, nil
}

func read(file string, notes []byte) (s suite, err error) {
	info, err := os.Stat(file)
	if err != nil {
		return s, err
	}
	if info.Size() > maxFile {
		return s, fmt.Errorf("%d bytes, the limit is %d", info.Size(), maxFile)
	}
	b, err := os.ReadFile(file) //nolint:gosec // the folder that the caller names
	if err != nil {
		return s, err
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	if err := d.Decode(&s); err != nil {
		return s, err
	}
	if s.notes, err = parseAnnotations(notes); err != nil {
		return s, err
	}
	s.complete()
	return s, s.check()
}

// complete adds the tools and arguments that calls use though the suite's list has
// them not: an unlisted tool is one without an annotation, if it has none.
func (s *suite) complete() {
	for _, list := range [][]task{s.Users, s.Injections} {
		for _, t := range list {
			for _, c := range t.Calls {
				i := slices.IndexFunc(s.Tools, func(t tool) bool { return t.Name == c.Function })
				if i < 0 {
					i, s.Tools = len(s.Tools), append(s.Tools, tool{Name: c.Function})
				}
				if s.Tools[i].Args == nil {
					s.Tools[i].Args = map[string]json.RawMessage{}
				}
				for name := range c.Args {
					if _, listed := s.Tools[i].Args[name]; !listed {
						s.Tools[i].Args[name] = nil
					}
				}
			}
		}
	}
}

// check refuses annotations of tools that there are not: they would guard
// nothing. A tool without one is treated as the worst there is.
func (s *suite) check() error {
	for name := range s.notes {
		if !slices.ContainsFunc(s.Tools, func(t tool) bool { return t.Name == name }) {
			return fmt.Errorf("annotations: the suite has no tool %q", name)
		}
	}
	return nil
}
