package effects

import (
	"bytes"
	"net/http"
	"time"

	"github.com/ambithost/ambit/host/effects/secret"
	"github.com/ambithost/ambit/host/webhook/sign"
)

// inSignature is the place of a secret that signs the body and is not sent
// itself. As is then the message's id.
const inSignature = "signature"

func (r secretRef) checkSignature(req *httpRequest, upload bool) error {
	switch {
	case upload:
		return badSecret("%s: a body that is uploaded in pieces can't be signed", r.Name)
	case r.Prefix != "" || sign.CheckID(r.As) != nil:
		return badSecret("%s: want a message's id in as (printable, no dot, at most %d bytes), and no prefix", r.Name, sign.MaxID)
	case req.method != http.MethodPost && req.method != http.MethodPut:
		return badSecret("%s: only what is sent with POST or PUT is signed", r.Name)
	}
	for _, name := range []string{sign.HeaderID, sign.HeaderTimestamp, sign.HeaderSignature} {
		if req.header.Get(name) != "" {
			return badSecret("%s: header %s is set by the host when it signs", r.Name, name)
		}
	}
	return nil
}

// sign sets the headers that say who sends this body, with all keys of the
// secret.
func (r secretRef) sign(in *injected, v secret.Value, now time.Time) error {
	raw := v.Reveal()
	defer clear(raw)
	keys, err := sign.ParseKeys(raw)
	if err != nil {
		return badSecret("%s: %v", r.Name, err)
	}
	return sign.Headers(in.header, r.As, now, in.body, keys...)
}

// addKeys has what a secret for webhooks holds cut out of answers key by key: a
// server could echo one of several.
func (s *seenSecrets) addKeys(v secret.Value) {
	raw := v.Reveal()
	defer clear(raw)
	for _, field := range bytes.Fields(raw) {
		for _, form := range [][]byte{field, bytes.TrimPrefix(field, []byte(sign.Prefix))} {
			if key, err := secret.NewValue(form); err == nil {
				s.add(key)
			}
		}
	}
}
