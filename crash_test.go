package main_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ambithost/ambit/host/control"
	"github.com/ambithost/ambit/plugins"
)

// TestCrash kills a host with SIGKILL at random moments under load and starts
// it again. Each time the state opens, the audit log verifies (so no outcome is
// without its intent), every file that was written has its intent, and neither
// a grant nor the latch is lost. AMBIT_CRASH_ROUNDS sets how often; 10 if unset.
func TestCrash(t *testing.T) {
	t.Parallel()
	if len(plugins.List()) == 0 {
		t.Skip("the first-party plugins are not built: make plugins")
	}
	rounds := 10
	if s := os.Getenv("AMBIT_CRASH_ROUNDS"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil {
			t.Fatal(err)
		}
		rounds = n
	}
	home := filepath.Join(t.TempDir(), "home")
	h := startHost(t, home)
	for _, name := range []string{"notes", "playbank"} {
		installAll(t, h.client, name)
	}
	want := grantsOf(t, h.client)
	notes := filepath.Join(home, "agents", "main", "workspace", "notes")
	intents := &intents{}
	for round := range rounds {
		load(t, h, round, 20+rand.IntN(150))
		halt := round%5 == 4
		if halt {
			if _, err := h.client.Kill(t.Context(), "plugin:playbank", "round"); err != nil {
				t.Fatal(err)
			}
		}
		h.kill(t)
		if round%3 == 2 { // and once more before it is ready
			h = spawnHost(t, home)
			time.Sleep(time.Duration(rand.IntN(100)) * time.Millisecond)
			h.kill(t)
		}
		h = startHost(t, home)
		if got := grantsOf(t, h.client); got != want {
			t.Fatalf("round %d: grants were\n%s\nand are\n%s", round, want, got)
		}
		st, err := h.client.Status(t.Context())
		if err != nil || (len(st.Halted) == 1) != halt {
			t.Fatalf("round %d: halted %v, %v; want %v", round, st.Halted, err, halt)
		}
		if halt {
			if _, err := h.client.Resume(t.Context(), "plugin:playbank"); err != nil {
				t.Fatal(err)
			}
		}
		v, err := h.client.VerifyAudit(t.Context(), control.VerifyRequest{})
		if err != nil || !v.OK {
			t.Fatalf("round %d: the audit log: %+v, %v", round, v, err)
		}
		intents.read(t, h.client)
		intents.cover(t, notes)
	}
	t.Logf("%d rounds; %d audit entries, %d files each with its intent", rounds, intents.next, intents.files)
	if intents.files == 0 {
		t.Error("nothing was written")
	}
	h.kill(t)
}

// intents are the file writes that the log announces.
type intents struct {
	next   int64           // audit entry to read next
	writes map[string]bool // resources
	files  int             // seen in the world
}

// read goes on where it stopped.
func (in *intents) read(t *testing.T, c *control.Client) {
	t.Helper()
	if in.writes == nil {
		in.writes = map[string]bool{}
	}
	for {
		page, err := c.AuditEntries(t.Context(), control.AuditQuery{From: in.next, Limit: 1000, Kind: "intent", Capability: "file.write"})
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range page.Entries {
			in.writes[e.Resource] = true
		}
		if page.Next <= in.next {
			return
		}
		in.next = page.Next
	}
}

// cover checks that nothing is in the folder that was not announced.
func (in *intents) cover(t *testing.T, folder string) {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".md") && !in.writes["notes/"+e.Name()] {
			t.Errorf("%s was written without an intent", e.Name())
		}
	}
	in.files = len(entries)
}

// running is a host in a process of its own.
type running struct {
	cmd    *exec.Cmd
	client *control.Client
}

// startHost returns when the host is ready.
func startHost(t *testing.T, home string) *running {
	t.Helper()
	h := spawnHost(t, home)
	var err error
	for range 1000 {
		if _, err = h.client.Status(t.Context()); err == nil {
			return h
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("the host did not get ready: %v", err)
	return nil
}

func spawnHost(t *testing.T, home string) *running {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, "up", "--quiet")
	cmd.Args[0] = "ambit"
	cmd.Env = append(os.Environ(), "AMBIT_HOME="+home)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	return &running{cmd: cmd, client: control.NewClient(home)}
}

func (h *running) kill(t *testing.T) {
	t.Helper()
	if err := h.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = h.cmd.Wait()
	h.client.Close()
}

func installAll(t *testing.T, c *control.Client, name string) {
	t.Helper()
	install(t, c, control.PreviewRequest{Name: name})
}

// install installs a plugin and grants all it asks for.
func install(t testing.TB, c *control.Client, req control.PreviewRequest) {
	t.Helper()
	st, err := c.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := precompileWanted(st.Home, req); err != nil {
		t.Fatal(err)
	}
	p, err := c.PreviewInstall(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	in := control.InstallRequest{Preview: p.ID, Digest: p.Digest}
	for _, r := range p.Requires {
		in.Grants = append(in.Grants, control.GrantWish{Capability: r.Capability})
	}
	if _, err := c.Install(t.Context(), in); err != nil {
		t.Fatal(err)
	}
}

func grantsOf(t *testing.T, c *control.Client) (out string) {
	t.Helper()
	list, err := c.Grants(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range list {
		out += fmt.Sprintln(g.ID, g.Plugin, g.Capability)
	}
	return out
}

// load calls tools from several clients for some milliseconds; the host is
// then killed in the midst of it.
func load(t *testing.T, h *running, round, ms int) {
	t.Helper()
	if _, err := h.client.Call(t.Context(), control.CallRequest{Tool: "notes/list"}); err != nil { // its cell is up
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Duration(ms)*time.Millisecond)
	defer cancel()
	var wg sync.WaitGroup
	for n := range 4 {
		wg.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				args := fmt.Sprintf(`{"name":"n%d-%d-%d","text":"x"}`, round, n, i)
				_, _ = h.client.Call(ctx, control.CallRequest{Tool: "notes/write", Args: []byte(args)})
				_, _ = h.client.Call(ctx, control.CallRequest{Tool: "playbank/charge", Args: []byte(`{"amount":1,"currency":"USD","merchant":"m"}`)})
			}
		})
	}
	if rand.IntN(2) == 0 { // half of the time the calls are over, half of the time not
		wg.Wait()
		return
	}
	<-ctx.Done()
	t.Cleanup(wg.Wait)
}
