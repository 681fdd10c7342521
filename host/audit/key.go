package audit

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// maxSmallFile bounds keys and checkpoints.
const maxSmallFile = 64 << 10

// key signs and verifies checkpoints. Its name is the log's origin.
type key struct {
	signer   note.Signer // nil in a verifier's hands
	verifier note.Verifier
	vkey     string // as note.NewVerifier takes it
}

// loadKey reads the log's key, or makes one for a folder that has none.
func loadKey(p paths, origin string, fresh bool) (key, error) {
	st, err := os.Stat(p.key())
	if errors.Is(err, fs.ErrNotExist) {
		if !fresh {
			return key{}, fmt.Errorf("audit: %s is missing, so checkpoints can't be signed; restore it from a backup, or move %s away to start a new log", p.key(), p.dir)
		}
		return createKey(p, origin)
	}
	if err != nil {
		return key{}, fmt.Errorf("audit: signing key: %w", err)
	}
	if st.Mode().Perm()&0o077 != 0 {
		if err := os.Chmod(p.key(), 0o600); err != nil {
			return key{}, fmt.Errorf("audit: others can read the signing key: %w", err)
		}
	}
	text, err := readCapped(p.key(), maxSmallFile)
	if err != nil {
		return key{}, fmt.Errorf("audit: signing key: %w", err)
	}
	k, err := parseSigningKey(string(text))
	if err != nil {
		return key{}, fmt.Errorf("audit: %s: %w; restore it from a backup", p.key(), err)
	}
	if origin != "" && origin != k.signer.Name() {
		return key{}, fmt.Errorf("audit: %s belongs to the log %q, not to %q; set the origin back, or move %s away to start a new log", p.key(), k.signer.Name(), origin, p.dir)
	}
	vkey, err := readCapped(p.verifier(), maxSmallFile)
	if errors.Is(err, fs.ErrNotExist) {
		return k, writeDurable(p.tmp(), p.verifier(), []byte(k.vkey+"\n"))
	}
	if err == nil && string(vkey) != k.vkey+"\n" {
		err = fmt.Errorf("%s does not fit %s; remove the former to have it written again", p.verifier(), p.key())
	}
	if err != nil {
		return key{}, fmt.Errorf("audit: verifier key: %w", err)
	}
	return k, nil
}

// createKey makes a key for a new log, under a random name unless told one.
func createKey(p paths, origin string) (key, error) {
	if origin == "" {
		var id [6]byte
		rand.Read(id[:])
		origin = "ambit-audit-" + hex.EncodeToString(id[:])
	}
	skey, vkey, err := note.GenerateKey(rand.Reader, origin)
	if err != nil {
		return key{}, fmt.Errorf("audit: generate signing key: %w", err)
	}
	k, err := parseSigningKey(skey + "\n")
	if err != nil || k.vkey != vkey {
		return key{}, fmt.Errorf("audit: origin %q can't name a key; use letters, digits, '.', '-' and '/' (%w)", origin, err)
	}
	if err := writeDurable(p.tmp(), p.key(), []byte(skey+"\n")); err != nil {
		return key{}, fmt.Errorf("audit: store signing key: %w", err)
	}
	if err := writeDurable(p.tmp(), p.verifier(), []byte(vkey+"\n")); err != nil {
		return key{}, fmt.Errorf("audit: store verifier key: %w", err)
	}
	return k, nil
}

// parseSigningKey takes the exact content of a key file: one line as note
// writes it. Another spelling of the same key is refused, so that no change to
// the file goes unseen.
func parseSigningKey(text string) (key, error) {
	skey, ok := strings.CutSuffix(text, "\n")
	if !ok {
		return key{}, errors.New("not a signing key: it is not one line")
	}
	signer, err := note.NewSigner(skey)
	if err != nil {
		return key{}, errors.New("not a signing key") // the cause could quote it
	}
	enc, ok := strings.CutPrefix(skey, fmt.Sprintf("PRIVATE+KEY+%s+%08x+", signer.Name(), signer.KeyHash()))
	raw, err := base64.StdEncoding.Strict().DecodeString(enc)
	// note's algorithm 1 is Ed25519, followed by the 32 bytes of the seed.
	if err != nil || len(raw) != 33 || !ok {
		return key{}, errors.New("not a signing key in its usual form")
	}
	public := ed25519.NewKeyFromSeed(raw[1:]).Public().(ed25519.PublicKey)
	vkey, err := note.NewEd25519VerifierKey(signer.Name(), public)
	if err != nil {
		return key{}, err
	}
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		return key{}, err
	}
	return key{signer: signer, verifier: verifier, vkey: vkey}, nil
}

// parseVerifierKey takes a verifier key with or without a newline.
func parseVerifierKey(text string) (key, error) {
	vkey := strings.TrimSuffix(text, "\n")
	v, err := note.NewVerifier(vkey)
	if err != nil {
		return key{}, fmt.Errorf("not a verifier key: %w", err)
	}
	if !strings.HasPrefix(vkey, fmt.Sprintf("%s+%08x+", v.Name(), v.KeyHash())) {
		return key{}, errors.New("not a verifier key in its usual form")
	}
	return key{verifier: v, vkey: vkey}, nil
}

// sign makes the checkpoint of a tree.
func (k key) sign(size uint64, root tlog.Hash) ([]byte, error) {
	text := fmt.Sprintf("%s\n%d\n%s\n", k.signer.Name(), size, root)
	return note.Sign(&note.Note{Text: text}, k.signer)
}

// openCheckpoint verifies a signed checkpoint of this log.
func (k key) openCheckpoint(signed []byte) (size uint64, root tlog.Hash, err error) {
	n, err := note.Open(signed, note.VerifierList(k.verifier))
	if err != nil {
		return 0, root, fmt.Errorf("checkpoint of %s: %w", k.verifier.Name(), err)
	}
	for _, sig := range n.Sigs {
		// The last character has bits that mean nothing; they must be zero.
		if _, err := base64.StdEncoding.Strict().DecodeString(sig.Base64); err != nil {
			return 0, root, errors.New("checkpoint: its signature is not in its usual form")
		}
	}
	lines := strings.Split(n.Text, "\n")
	if len(lines) < 4 || lines[0] != k.verifier.Name() {
		return 0, root, fmt.Errorf("checkpoint: it is not one of %s", k.verifier.Name())
	}
	if root, err = tlog.ParseHash(lines[2]); err != nil {
		return 0, root, fmt.Errorf("checkpoint: %w", err)
	}
	size, err = strconv.ParseUint(lines[1], 10, 62)
	if err != nil || strconv.FormatUint(size, 10) != lines[1] {
		return 0, root, fmt.Errorf("checkpoint: %q is no size", oneLine(lines[1]))
	}
	return size, root, nil
}
