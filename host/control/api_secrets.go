package control

// Secret is a secret's name. Values go in and never come out.
type Secret struct {
	Name  string `json:"name"`
	Store string `json:"store"` // "keyring" or "file"
	// UsedBy names the plugins whose grants let them use it.
	UsedBy []string `json:"used_by,omitempty"`
}

// SecretRequest stores a value.
type SecretRequest struct {
	Value []byte `json:"value"` // base64 in JSON; at most MaxSecret bytes
}

// MaxSecret caps a secret's length in bytes.
const MaxSecret = 64 << 10
