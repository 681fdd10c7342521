package trust

import "fmt"

// Rotation says that one key hands over to another; ids are [KeyID]s.
type Rotation struct {
	Old string `json:"old"`
	New string `json:"new"`
}

// handover is what the old key signs.
type handover struct {
	Old []byte `json:"old"` // PKIX DER
	New []byte `json:"new"` // PKIX DER
}

// Rotate states that this key hands over to another: whoever trusted this one for
// a publisher is to trust the other one from now on, and this one no more.
func (k *Key) Rotate(next *Key) (Envelope, error) {
	return k.seal("key", next.ID(), rotationType, handover{der(k.Public()), der(next.Public())})
}

// VerifyRotation checks one statement.
func VerifyRotation(e Envelope) (r Rotation, err error) {
	var h handover
	_, about, err := e.peek(rotationType, &h)
	if err != nil {
		return r, err
	}
	old, err := parseDER(h.Old)
	if err != nil {
		return r, err
	}
	next, err := parseDER(h.New)
	if err != nil {
		return r, err
	}
	r = Rotation{Old: KeyID(old), New: KeyID(next)}
	if err := e.by(old); err != nil {
		return r, err
	}
	if about != r.New || r.Old == r.New {
		return r, fmt.Errorf("%w: the hand-over is not to the key that it is about", ErrSignature)
	}
	return r, nil
}

// verifyRotations checks a chain that has to end at a key.
func verifyRotations(chain []Envelope, last string) (out []Rotation, err error) {
	if len(chain) > MaxRotations {
		return nil, fmt.Errorf("trust: %d hand-overs of keys, the limit is %d", len(chain), MaxRotations)
	}
	for i, e := range chain {
		r, err := VerifyRotation(e)
		if err != nil {
			return nil, fmt.Errorf("hand-over %d of keys: %w", i+1, err)
		}
		if i > 0 && out[i-1].New != r.Old {
			return nil, fmt.Errorf("%w: the hand-overs of keys are no chain", ErrSignature)
		}
		out = append(out, r)
	}
	if len(out) > 0 && out[len(out)-1].New != last {
		return nil, fmt.Errorf("%w: the hand-overs of keys lead to another key", ErrSignature)
	}
	return out, nil
}
