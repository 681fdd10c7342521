package audit

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"
)

// childEnv makes the test binary a victim instead: see TestMain.
const childEnv = "AMBIT_AUDIT_TEST_CHILD"

func TestMain(m *testing.M) {
	switch what := os.Getenv(childEnv); {
	case what == "":
		os.Exit(m.Run())
	case strings.HasPrefix(what, "append:"):
		os.Exit(childAppend(strings.TrimPrefix(what, "append:")))
	default:
		os.Exit(childFull(what))
	}
}

// childAppend appends from several goroutines until killed, and reports each
// durable record on stdout.
func childAppend(dir string) int {
	l, err := Open(context.Background(), Config{Dir: dir, PublishEvery: 3 * time.Millisecond, SyncEvery: time.Millisecond, SegmentSize: 32 << 10})
	if err != nil {
		fmt.Println("fail", err)
		return 1
	}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for g := range 6 {
		wg.Go(func() {
			for i := 0; ; i++ {
				effect := fmt.Sprintf("%d-%d-%d", os.Getpid(), g, i)
				index, err := l.Append(context.Background(), Record{Kind: Intent, Effect: effect}, nil, true)
				if err != nil {
					fmt.Println("fail", err)
					return
				}
				mu.Lock()
				fmt.Println("ok", index, effect)
				mu.Unlock()
				if _, err := l.Append(context.Background(), Record{Kind: Outcome, Effect: effect}, nil, i%2 == 0); err != nil {
					fmt.Println("fail", err)
					return
				}
			}
		})
	}
	wg.Wait()
	return 1
}

func TestKilledAtRandom(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	durable := map[uint64]string{}
	rounds := 20
	if testing.Short() {
		rounds = 3
	}
	for round := range rounds {
		killOne(t, dir, durable)
		verifyCrashed(t, dir, round)
		l := mustOpen(t, quiet(dir))
		all := readAll(t, l)
		for index, effect := range durable {
			if index >= uint64(len(all)) || all[index].Effect != effect {
				t.Fatalf("round %d: durable entry %d of effect %s is gone", round, index, effect)
			}
		}
		for _, r := range l.Pending() { // the crash rule: someone says so
			if _, err := l.Append(t.Context(), Record{Kind: Outcome, Effect: r.Effect, Status: "unknown"}, nil, false); err != nil {
				t.Fatal(err)
			}
		}
		mustClose(t, l)
		if r := mustVerify(t, VerifyConfig{Dir: dir, Key: l.VerifierKey()}); len(r.Pending) != 0 {
			t.Fatalf("round %d: pending %v", round, r.Pending)
		}
	}
	if len(durable) == 0 {
		t.Fatal("no round got anything done")
	}
	t.Logf("%d durable records over %d rounds", len(durable), rounds)
}

// verifyCrashed verifies what a kill left: nothing but a torn end may be wrong.
func verifyCrashed(t *testing.T, dir string, round int) {
	t.Helper()
	for _, p := range verify(t, VerifyConfig{Dir: dir}).Problems {
		if !strings.Contains(p, errFrame.Error()) && !strings.Contains(p, "is missing") {
			t.Fatalf("round %d: before reopening: %s", round, p)
		}
	}
}

// killOne runs a victim and kills it after a random number of records.
func killOne(t *testing.T, dir string, durable map[uint64]string) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), childEnv+"=append:"+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	left := 1 + rand.IntN(400)
	for lines := bufio.NewScanner(out); lines.Scan(); {
		var index uint64
		var effect string
		if _, err := fmt.Sscanf(lines.Text(), "ok %d %s", &index, &effect); err != nil {
			t.Errorf("victim: %s", lines.Text())
			break
		}
		durable[index] = effect
		if left--; left == 0 {
			cmd.Process.Kill() // and read on what it had said
		}
	}
	cmd.Process.Kill()
	cmd.Wait() // ends with an error, as it should
}

// TestPowerLoss spoils what was not synced, in every way a disk may.
func TestPowerLoss(t *testing.T) {
	t.Parallel()
	cfg := quiet(t.TempDir())
	cfg.SyncEvery = time.Second
	l := mustOpen(t, cfg)
	if _, err := l.Append(t.Context(), intent(0), nil, true); err != nil {
		t.Fatal(err)
	}
	l.token <- struct{}{} // nobody syncs
	synced := l.synced
	fill(t, l, 2, 20)
	dir := crash(t, cfg.Dir)
	<-l.token
	path := paths{dir}.segment(0)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for round := range 60 {
		data := append([]byte(nil), whole...)
		switch round % 3 {
		case 0: // short
			data = data[:synced+rng.Int64N(int64(len(data))-synced)]
		case 1: // a hole
			at := synced + rng.Int64N(int64(len(data))-synced)
			clear(data[at:min(at+1+rng.Int64N(600), int64(len(data)))])
		case 2: // rubbish
			for i := synced + rng.Int64N(int64(len(data))-synced); i < int64(len(data)); i++ {
				data[i] = byte(rng.Uint32())
			}
		}
		copied := crash(t, dir)
		if err := os.WriteFile(paths{copied}.segment(0), data, 0o600); err != nil {
			t.Fatal(err)
		}
		l := mustOpen(t, quiet(copied))
		all := readAll(t, l)
		if len(all) == 0 || all[0].Effect != "e0" || all[0].Kind != Intent {
			t.Fatalf("round %d: the durable record is gone", round)
		}
		mustClose(t, l)
		mustVerify(t, VerifyConfig{Dir: copied})
	}
}

func TestTornRecordIsCut(t *testing.T) {
	t.Parallel()
	cfg := quiet(t.TempDir())
	l := mustOpen(t, cfg)
	if _, err := l.Append(t.Context(), intent(1), nil, true); err != nil {
		t.Fatal(err)
	}
	fill(t, l, 4, 3)
	dir := crash(t, cfg.Dir)
	tear(t, paths{dir}.segment(0), 5)
	if r := verify(t, VerifyConfig{Dir: dir}); r.OK() {
		t.Error("Verify does not see the torn record")
	}
	l2 := mustOpen(t, quiet(dir))
	all := readAll(t, l2)
	if len(all) != 4 || all[3].Kind != Recovery || !strings.Contains(all[3].Detail, "entry 3 was incomplete") {
		t.Fatalf("%+v", all)
	}
	mustClose(t, l2)
	mustVerify(t, VerifyConfig{Dir: dir})
}

// tear takes the last bytes off a file.
func tear(t testing.TB, path string, n int64) {
	t.Helper()
	st, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, st.Size()-n); err != nil {
		t.Fatal(err)
	}
}
