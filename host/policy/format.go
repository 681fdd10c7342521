package policy

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"path"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/format"
)

// Formatted is a file that is not in the usual form of Rego, and how it would
// be.
type Formatted struct {
	File   string `json:"file"`
	Text   string `json:"text"`
	Digest string `json:"digest"` // SHA-256 in hex of what was read, for who writes it back
}

// Format puts the Rego files of a layer, tests included, into the usual form
// and returns those that differ. It writes nothing.
func Format(l Layer) (out []Formatted, files int, problems []Problem) {
	sources, problems := readLayer(l)
	for _, s := range sources {
		if path.Ext(s.name) != ".rego" {
			continue
		}
		files++
		want, err := format.SourceWithOpts(s.module(), []byte(s.text), format.Opts{RegoVersion: ast.RegoV1})
		if err != nil {
			problems = append(problems, compileProblems(err, paths(sources))...)
			continue
		}
		if !bytes.Equal(want, []byte(s.text)) {
			sum := sha256.Sum256([]byte(s.text))
			out = append(out, Formatted{File: s.path, Text: string(want), Digest: hex.EncodeToString(sum[:])})
		}
	}
	return out, files, sorted(problems)
}
