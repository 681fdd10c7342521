package audit

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// TestIndependentReader reads the published folder with another
// implementation, which authenticates every entry against the checkpoint.
func TestIndependentReader(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 255, 256, 257, 700, 70_000} {
		if n > 1000 && testing.Short() {
			continue
		}
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			t.Parallel()
			cfg := quiet(t.TempDir())
			l := mustOpen(t, cfg)
			fill(t, l, 0, n/2)
			if err := l.Publish(t.Context()); err != nil {
				t.Fatal(err)
			}
			fill(t, l, n/2, n-n/2)
			mustClose(t, l)
			public := os.DirFS(PublicDir(cfg.Dir))
			vkey, err := os.ReadFile(filepath.Join(PublicDir(cfg.Dir), "verifier"))
			if err != nil || string(vkey) != l.VerifierKey()+"\n" {
				t.Fatalf("verifier %q, %v", vkey, err)
			}
			verifier, err := note.NewVerifier(l.VerifierKey())
			if err != nil {
				t.Fatal(err)
			}
			signed, err := os.ReadFile(filepath.Join(PublicDir(cfg.Dir), "checkpoint"))
			if err != nil {
				t.Fatal(err)
			}
			c, _, err := torchwood.VerifyCheckpoint(signed, torchwood.ThresholdPolicy(2,
				torchwood.OriginPolicy(verifier.Name()), torchwood.SingleVerifierPolicy(verifier)))
			if err != nil {
				t.Fatal(err)
			}
			tiles, err := torchwood.NewTileFS(public)
			if err != nil {
				t.Fatal(err)
			}
			client, err := torchwood.NewClient(tiles)
			if err != nil {
				t.Fatal(err)
			}
			got := 0
			for i, entry := range client.AllEntries(t.Context(), c.Tree, 0) {
				var r Record
				if err := json.Unmarshal(entry, &r); err != nil || r.Effect != fmt.Sprintf("e%d", got/2) || int(i) != got {
					t.Fatalf("entry %d: %s, %v", i, entry, err)
				}
				got++
			}
			if err := client.Err(); err != nil || got != n {
				t.Fatalf("read %d of %d entries: %v", got, n, err)
			}
		})
	}
}

// TestTreeAgainstLibrary compares the growing edge with hashes that the
// library stores one by one.
func TestTreeAgainstLibrary(t *testing.T) {
	t.Parallel()
	var stored []tlog.Hash
	reader := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		hashes := make([]tlog.Hash, len(indexes))
		for i, x := range indexes {
			hashes[i] = stored[x]
		}
		return hashes, nil
	})
	var tr tree
	for n := range int64(66_000) {
		leaf := tlog.RecordHash(fmt.Append(nil, n))
		more, err := tlog.StoredHashesForRecordHash(n, leaf, reader)
		if err != nil {
			t.Fatal(err)
		}
		stored = append(stored, more...)
		if err := tr.add(leaf, func(tile tlog.Tile, data []byte) error {
			want, err := tlog.ReadTileData(tile, reader)
			if err != nil || !bytes.Equal(want, data) {
				t.Fatalf("tile %v differs (%v)", tile, err)
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if n > 600 && n%97 != 0 && n < 65_500 {
			continue
		}
		want, err := tlog.TreeHash(n+1, reader)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := tr.root(); err != nil || got != want {
			t.Fatalf("root of %d entries: %v, %v, want %v", n+1, got, err, want)
		}
	}
}

func TestCommitment(t *testing.T) {
	t.Parallel()
	store := &payloads{kept: map[uint64][2][]byte{}}
	cfg := quiet(t.TempDir())
	cfg.Payloads = store
	l := mustOpen(t, cfg)
	secret := []byte(`{"to":"+391234567"}`)
	first, err := l.Append(t.Context(), intent(1), secret, true)
	if err != nil {
		t.Fatal(err)
	}
	second, err := l.Append(t.Context(), intent(2), secret, false)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Append(t.Context(), intent(3), nil, false); err != nil {
		t.Fatal(err)
	}
	all := readAll(t, l)
	if all[first].Commitment == all[second].Commitment {
		t.Error("equal payloads have equal commitments")
	}
	if all[2].Commitment != "" || len(store.kept) != 2 {
		t.Error("a record without a payload commits to one")
	}
	salt, payload := store.kept[first][0], store.kept[first][1]
	if !CheckPayload(all[first], salt, payload) {
		t.Error("the payload does not open its commitment")
	}
	other := append([]byte{salt[0] ^ 1}, salt[1:]...)
	if CheckPayload(all[first], other, payload) || CheckPayload(all[first], salt, payload[1:]) || CheckPayload(all[second], salt, payload) || CheckPayload(all[2], salt, nil) {
		t.Error("something else opens a commitment")
	}
	mustClose(t, l)
	for _, path := range filesOf(t, cfg.Dir) {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(data, []byte("391234567")) || bytes.Contains(data, []byte(hex.EncodeToString(salt))) {
			t.Errorf("%s holds a payload or its salt", path)
		}
	}
	if all[first].Time.IsZero() || all[first].Time.Location() != time.UTC {
		t.Errorf("time is %v", all[first].Time)
	}
}

type payloads struct {
	mu   sync.Mutex
	kept map[uint64][2][]byte
}

func (p *payloads) PutPayload(_ context.Context, index uint64, salt, payload []byte) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.kept[index] = [2][]byte{bytes.Clone(salt), bytes.Clone(payload)}
	return errors.New("told to the logger only")
}

func TestHostileRecords(t *testing.T) {
	t.Parallel()
	cfg := quiet(t.TempDir())
	l := mustOpen(t, cfg)
	for name, text := range map[string]string{
		"long":     strings.Repeat("x", 10_000_000),
		"controls": strings.Repeat("\x00\x1b", 100_000),
		"runes":    strings.Repeat("🙂", 5000),
		"broken":   strings.Repeat("\xff\xfe", 5000),
		"html":     strings.Repeat("<>&\u2028", 5000),
	} {
		index, err := l.Append(t.Context(), Record{Kind: Refusal, Resource: text, Detail: text}, nil, false)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if err := l.Read(t.Context(), index, func(_ uint64, r Record) error {
			if !utf8.ValidString(r.Detail) || !strings.HasSuffix(r.Detail, " bytes cut]") || r.Detail != r.Resource {
				t.Errorf("%s: cut to %q", name, r.Detail)
			}
			return nil
		}); err != nil {
			t.Error(err)
		}
	}
	for _, r := range []Record{{}, {Kind: Intent, Effect: strings.Repeat("x", maxField+1)}, {Kind: Turn, Time: time.Date(12000, 1, 1, 0, 0, 0, 0, time.UTC)}} {
		if _, err := l.Append(t.Context(), r, nil, true); !errors.Is(err, ErrRecord) {
			t.Errorf("%.60v: %v", r, err)
		}
	}
	if err := l.Err(); err != nil {
		t.Errorf("a refused record stopped the log: %v", err)
	}
	mustVerify(t, VerifyConfig{Dir: cfg.Dir})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := l.Append(ctx, intent(1), nil, true); !errors.Is(err, context.Canceled) {
		t.Errorf("append with an ended context: %v", err)
	}
}

func TestTilePaths(t *testing.T) {
	t.Parallel()
	for path, tile := range map[string]tlog.Tile{
		"tile/0/000":                 {H: 8, L: 0, N: 0, W: 256},
		"tile/entries/x001/067.p/3":  {H: 8, L: -1, N: 1067, W: 3},
		"tile/2/x001/x234/067.p/255": {H: 8, L: 2, N: 1234067, W: 255},
	} {
		if got := tilePath(tile); got != path {
			t.Errorf("path of %v is %s", tile, got)
		}
		if got, err := parseTilePath(path); err != nil || got != tile {
			t.Errorf("%s is %v, %v", path, got, err)
		}
	}
	for _, path := range []string{"", "tile", "tile/0", "tile/data/000", "tile/-1/000", "tile/0/0", "tile/0/000.p/0", "tile/0/000.p/256", "tile/0/../000", "tile/00/000"} {
		if got, err := parseTilePath(path); err == nil {
			t.Errorf("%s is taken for %v", path, got)
		}
	}
}

func FuzzFrames(f *testing.F) {
	var seed []byte
	for i := range uint64(3) {
		data, err := encodeRecord(&Record{Kind: Turn}, frameHeader)
		if err != nil {
			f.Fatal(err)
		}
		seal(data, 7+i, 7)
		seed = append(seed, data...)
	}
	f.Add(seed)
	f.Add(seed[:len(seed)-3])
	f.Add([]byte{})
	f.Add(make([]byte, 100))
	f.Fuzz(func(t *testing.T, data []byte) {
		fr := newFrameReader(bytes.NewReader(data), 7, 0)
		for {
			fm, err := fr.read()
			if err == io.EOF {
				if fr.off != int64(len(data)) {
					t.Fatalf("a clean end at %d of %d bytes", fr.off, len(data))
				}
				return
			}
			if errors.Is(err, errFrame) {
				laterFrame(data[fr.off:], fr.next)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			again := append(make([]byte, frameHeader), fm.entry...)
			seal(again, fm.index, fm.durable)
			if !bytes.Equal(again, data[fr.off-int64(fm.size):fr.off]) {
				t.Fatal("a frame that is not what its writer writes")
			}
		}
	})
}

func FuzzBundle(f *testing.F) {
	f.Add(appendEntry(appendEntry(nil, []byte("one")), nil), 2)
	f.Add([]byte{0, 5, 1}, 1)
	f.Add([]byte{}, 0)
	f.Fuzz(func(t *testing.T, data []byte, width int) {
		width &= tileWidth - 1
		entries, err := parseBundle(data, width)
		if err != nil {
			return
		}
		var again []byte
		for _, e := range entries {
			again = appendEntry(again, e)
		}
		if len(entries) != width || !bytes.Equal(again, data) {
			t.Fatal("a bundle that is not what its writer writes")
		}
		if cut, err := cutBundle(data, width); err != nil || !bytes.Equal(cut, data) {
			t.Fatalf("cut to its own width: %v", err)
		}
	})
}

func FuzzSmallFiles(f *testing.F) {
	g := newLedger()
	g.add(intent(1))
	state, err := g.marshal()
	if err != nil {
		f.Fatal(err)
	}
	skey, vkey, err := note.GenerateKey(zeros{}, "example.org/log")
	if err != nil {
		f.Fatal(err)
	}
	k, err := parseSigningKey(skey + "\n")
	if err != nil {
		f.Fatal(err)
	}
	signed, err := k.sign(3, tlog.Hash{1})
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range [][]byte{state, []byte(skey + "\n"), []byte(vkey + "\n"), signed} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if g, err := parseLedger(data); err == nil {
			g.records()
		}
		if got, err := parseSigningKey(string(data)); err == nil && got.vkey == k.vkey && string(data) != skey+"\n" {
			t.Fatal("another spelling of the signing key")
		}
		if got, err := parseVerifierKey(string(data)); err == nil && got.vkey == k.vkey && strings.TrimSuffix(string(data), "\n") != vkey {
			t.Fatal("another spelling of the verifier key")
		}
		if size, root, err := k.openCheckpoint(data); err == nil && (size != 3 || root != tlog.Hash{1}) {
			t.Fatal("a checkpoint that nobody signed")
		}
	})
}

// zeros is a source of zeros, for a key that is the same in each run.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}
