package audit

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
)

// saltSize in bytes. The salt keeps short payloads from being guessed from
// their commitment.
const saltSize = 16

// Payloads keeps what commitments bind, apart from the log and erasable.
//
// PutPayload is called once for each record appended with a payload, after the
// record was written. It should not block on a disk: Append waits for it. An
// error is logged and changes nothing for the record, whose payload then is as
// if erased.
type Payloads interface {
	PutPayload(ctx context.Context, index uint64, salt, payload []byte) error
}

// commit returns a fresh salt and the commitment to payload under it.
func commit(payload []byte) (salt []byte, commitment string) {
	salt = make([]byte, saltSize)
	rand.Read(salt) // never fails; the program ends instead
	return salt, commitmentOf(salt, payload)
}

func commitmentOf(salt, payload []byte) string {
	mac := hmac.New(sha256.New, salt)
	mac.Write(payload)
	return hex.EncodeToString(mac.Sum(nil))
}

// CheckPayload reports whether r commits to payload under salt. A record
// without a commitment commits to nothing.
func CheckPayload(r Record, salt, payload []byte) bool {
	if len(salt) != saltSize || r.Commitment == "" {
		return false
	}
	return hmac.Equal([]byte(r.Commitment), []byte(commitmentOf(salt, payload)))
}
