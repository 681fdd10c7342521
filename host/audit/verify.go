package audit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/tlog"
)

// VerifyConfig says what to verify, and against what.
type VerifyConfig struct {
	// Dir is the log's folder. Required.
	Dir string
	// Key is the verifier key, as [Log.VerifierKey] gave it earlier. Empty
	// takes the one in Dir, which proves less: who changed the log could have
	// changed it too.
	Key string
	// Against is a checkpoint of this log kept elsewhere; the log must be a
	// continuation of it. Nil skips that, and a log that lost its newest
	// entries, or was written anew with its own key, then passes.
	Against []byte
}

// Report is what [Verify] found.
type Report struct {
	Entries    uint64   `json:"entries"`            // intact, those not yet published included
	Published  uint64   `json:"published"`          // covered by the checkpoint
	Root       string   `json:"root"`               // tree head that was computed for the checkpoint's size
	Checkpoint string   `json:"checkpoint"`         // as it stands on disk
	Key        string   `json:"key"`                // that the checkpoint was verified with
	KeyGiven   bool     `json:"key_given"`          // by the caller, not taken from the log's folder
	Against    uint64   `json:"against,omitempty"`  // size of the older checkpoint, if it fits
	Pending    []Record `json:"pending,omitempty"`  // intents without an outcome, oldest first
	Problems   []string `json:"problems,omitempty"` // empty: the log is intact
	Unlisted   int      `json:"unlisted,omitempty"` // problems beyond the first maxProblems
	live       string   // what the folder looked like at the start, to see that it moved
}

// OK reports whether no problem was found.
func (r Report) OK() bool { return len(r.Problems) == 0 }

const maxProblems = 100

func (r *Report) problem(format string, a ...any) {
	if len(r.Problems) >= maxProblems {
		r.Unlisted++
		return
	}
	r.Problems = append(r.Problems, fmt.Sprintf(format, a...))
}

// Verify reads the whole log from its files and checks every one of them: keys,
// the checkpoint's signature, each tile and entry bundle against the entries,
// the journal, the order of intents and outcomes, and consistency with an older
// checkpoint. The log may be open meanwhile, here or in another process.
//
// The error says that verification could not be done; what is wrong with the
// log is in the report.
func Verify(ctx context.Context, cfg VerifyConfig) (Report, error) {
	if cfg.Dir == "" {
		return Report{}, errors.New("audit: VerifyConfig.Dir is empty; it says where the log is")
	}
	if _, err := os.Stat(cfg.Dir); err != nil {
		return Report{}, fmt.Errorf("audit: verify: %w", err)
	}
	// A log that is written to can look wrong between two reads. Look again
	// while it moves, a few times: real damage stays.
	for try := 0; ; try++ {
		r, err := verifyOnce(ctx, cfg)
		if err != nil || r.OK() || try == 4 || liveness(paths{cfg.Dir}) == r.live {
			return r, err
		}
		select {
		case <-ctx.Done():
			return r, ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// liveness is a text that changes when the log is written to.
func liveness(p paths) string {
	var b strings.Builder
	if data, err := readCapped(p.checkpoint(), maxSmallFile); err == nil {
		b.Write(data)
	}
	firsts, _ := listSegments(p)
	for _, first := range firsts {
		if st, err := os.Stat(p.segment(first)); err == nil {
			fmt.Fprintf(&b, "%d %d\n", first, st.Size())
		}
	}
	return b.String()
}

// verification is one pass over the files.
type verification struct {
	Report
	paths   paths
	key     key
	against older
	journal journalView
	stored  *ledger             // the stored list of open intents
	files   map[tlog.Tile][]int // widths of the tile files not yet accounted for, by place
	tree    tree
	bundle  []byte
	ledger  *ledger
	overlap map[uint64]tlog.Hash // published entries that the journal also has
}

// older is the checkpoint kept elsewhere.
type older struct {
	given bool
	size  uint64
	root  tlog.Hash
}

func verifyOnce(ctx context.Context, cfg VerifyConfig) (Report, error) {
	v := &verification{paths: paths{cfg.Dir}, ledger: newLedger(), overlap: map[uint64]tlog.Hash{}}
	v.live = liveness(v.paths)
	if !v.loadKeys(cfg) {
		return v.Report, nil
	}
	v.loadAgainst(cfg)
	v.loadStored()
	// The journal is opened before the checkpoint is read: what it loses
	// after that, the checkpoint covers.
	if err := v.journal.open(v.paths); err != nil {
		v.problem("journal: %v", err)
	}
	defer v.journal.close()
	root, ok := v.loadCheckpoint()
	if !ok {
		return v.Report, nil
	}
	if err := v.listFiles(); err != nil {
		return v.Report, fmt.Errorf("audit: verify: %w", err)
	}
	intact, err := v.readBundles(ctx)
	if err != nil {
		return v.Report, err
	}
	if intact {
		v.checkRoot(root)
		if err := v.readJournal(ctx); err != nil {
			return v.Report, err
		}
		v.checkEdge()
	}
	v.Entries, v.Pending = v.tree.size, v.ledger.records()
	v.checkEnd(intact)
	return v.Report, nil
}

// loadKeys finds the verifier key and checks the files that hold keys.
func (v *verification) loadKeys(cfg VerifyConfig) bool {
	stored, err := readCapped(v.paths.verifier(), maxSmallFile)
	if err != nil {
		v.problem("verifier key: %v", err)
	}
	v.KeyGiven = cfg.Key != ""
	text := cfg.Key
	if !v.KeyGiven {
		text = string(stored)
	}
	if v.key, err = parseVerifierKey(text); err != nil {
		v.problem("verifier key: %v", err)
		return false
	}
	v.Key = v.key.vkey
	if string(stored) != v.key.vkey+"\n" {
		v.problem("%s is not the key that was given", v.paths.verifier())
	}
	secret, err := readCapped(v.paths.key(), maxSmallFile)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		return true // a copy without it, or not ours to read
	}
	if err != nil {
		v.problem("signing key: %v", err)
	} else if k, err := parseSigningKey(string(secret)); err != nil {
		v.problem("%s: %v", v.paths.key(), err)
	} else if k.vkey != v.key.vkey {
		v.problem("%s is another key than the verifier's", v.paths.key())
	}
	return true
}

func (v *verification) loadAgainst(cfg VerifyConfig) {
	if cfg.Against == nil {
		return
	}
	size, root, err := v.key.openCheckpoint(cfg.Against)
	if err != nil {
		v.problem("older checkpoint: %v", err)
		return
	}
	v.against = older{given: true, size: size, root: root}
	v.checkAgainst()
}

func (v *verification) loadStored() {
	data, err := readCapped(v.paths.open(), maxSegmentFile)
	if err == nil {
		v.stored, err = parseLedger(data)
	}
	if err != nil {
		v.problem("%s: %v", v.paths.open(), err)
		return
	}
	v.checkStored()
}

func (v *verification) loadCheckpoint() (root tlog.Hash, ok bool) {
	signed, err := readCapped(v.paths.checkpoint(), maxSmallFile)
	if err != nil {
		v.problem("checkpoint: %v", err)
		return root, false
	}
	v.Checkpoint = string(signed)
	if v.Published, root, err = v.key.openCheckpoint(signed); err != nil {
		v.problem("%s: %v", v.paths.checkpoint(), err)
		return root, false
	}
	return root, true
}

// listFiles notes every published file, and names what does not belong.
func (v *verification) listFiles() error {
	v.files = map[tlog.Tile][]int{}
	known := []string{"lock", "key", "journal", "open", "tmp", "public"}
	entries, err := os.ReadDir(v.paths.dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !slices.Contains(known, e.Name()) {
			v.problem("%s does not belong to the log", filepath.Join(v.paths.dir, e.Name()))
		}
	}
	if st, err := os.Stat(v.paths.lock()); err == nil && st.Size() > 0 {
		v.problem("%s is not empty", v.paths.lock())
	}
	return filepath.WalkDir(v.paths.public(), func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // removed while the log runs
		}
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(v.paths.public(), path)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		if rel == "checkpoint" || rel == "verifier" {
			return nil
		}
		t, err := parseTilePath(rel)
		if err != nil || !d.Type().IsRegular() {
			v.problem("%s does not belong to the log", path)
			return nil
		}
		v.files[place(t)] = append(v.files[place(t)], t.W)
		return nil
	})
}

func (v *verification) checkRoot(want tlog.Hash) {
	root, err := v.tree.root()
	if err != nil {
		v.problem("root: %v", err)
		return
	}
	v.Root = root.String()
	if root != want {
		v.problem("the entries lead to the root %s, the checkpoint says %s", root, want)
	}
}

// checkEnd looks at what should have come up on the way.
func (v *verification) checkEnd(intact bool) {
	if !intact {
		v.problem("entries behind %d were not checked", v.tree.size)
		return
	}
	if v.against.given && v.against.size > v.tree.size {
		v.problem("the older checkpoint has %d entries, the log has %d: it was cut or set back", v.against.size, v.tree.size)
	}
	if v.stored != nil && v.stored.size > v.tree.size {
		v.problem("%s is about %d entries, the log has %d: it was cut or set back", v.paths.open(), v.stored.size, v.tree.size)
	}
}

// checkAgainst compares with the older checkpoint when the tree has its size.
func (v *verification) checkAgainst() {
	if !v.against.given || v.against.size != v.tree.size {
		return
	}
	root, err := v.tree.root()
	if err != nil || root != v.against.root {
		v.problem("the first %d entries are not those of the older checkpoint: history was rewritten", v.against.size)
		return
	}
	v.Against = v.against.size
}

// checkStored compares with the stored list of open intents when the ledger
// has its size.
func (v *verification) checkStored() {
	if v.stored == nil || v.stored.size != v.ledger.size {
		return
	}
	want, err := v.ledger.marshal()
	got, err2 := v.stored.marshal()
	if err != nil || err2 != nil || !bytes.Equal(want, got) {
		v.problem("%s is not the list of open intents of the first %d entries", v.paths.open(), v.stored.size)
	}
}
