package effects

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/ambithost/ambit/sdk/protocol"
)

const (
	maxSchema  = 256 << 10
	maxSchemas = 1024 // kept compiled
)

// schemas compiles the input schemas of tools once. The key is the content, so
// that an updated plugin gets its new schema.
type schemas struct {
	mu       sync.Mutex
	compiled map[[32]byte]*jsonschema.Schema
}

// noLoader refuses references out of the schema: they would make the host read
// files or the network on the word of a manifest.
type noLoader struct{}

func (noLoader) Load(url string) (any, error) {
	return nil, fmt.Errorf("a tool's schema may not refer to %s", oneLine(url, 200))
}

func (s *schemas) get(raw json.RawMessage) (*jsonschema.Schema, error) {
	id := sha256.Sum256(raw)
	s.mu.Lock()
	defer s.mu.Unlock()
	if sch, ok := s.compiled[id]; ok {
		return sch, nil
	}
	sch, err := compile(raw)
	if err != nil {
		return nil, err
	}
	if s.compiled == nil || len(s.compiled) >= maxSchemas {
		s.compiled = map[[32]byte]*jsonschema.Schema{}
	}
	s.compiled[id] = sch
	return sch, nil
}

func compile(raw json.RawMessage) (sch *jsonschema.Schema, err error) {
	if err := checkJSON(raw, maxSchema, maxDepth); err != nil {
		return nil, err
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		return nil, err
	}
	defer recovered(&err)
	c := jsonschema.NewCompiler()
	c.UseLoader(noLoader{})
	if err := c.AddResource("urn:ambit:input", doc); err != nil {
		return nil, err
	}
	return c.Compile("urn:ambit:input")
}

// validate checks arguments. The error says what is wrong in words the model
// can act on.
func validate(sch *jsonschema.Schema, value any) (err error) {
	defer recovered(&err)
	verr := sch.Validate(value)
	if v, ok := errors.AsType[*jsonschema.ValidationError](verr); ok {
		return protocol.Errorf(protocol.Invalid, "%s", oneLine(v.Error(), 1000))
	}
	return verr
}

// recovered keeps a defect of the schema library inside this package.
func recovered(err *error) {
	if p := recover(); p != nil {
		*err = protocol.Errorf(protocol.Internal, "the schema could not be applied")
	}
}
