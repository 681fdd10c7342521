package hostile

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/ambithost/ambit/host/cell"
	"github.com/ambithost/ambit/sdk/protocol"
)

// canary is in the environment of the host of these tests. It must appear in
// nothing that a cell says.
const canary = "AMBIT_HOSTILE_CANARY_5f1c"

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "host" { // one that a test kills
		os.Exit(doomedHost(os.Args[2:]))
	}
	os.Setenv("AMBIT_SECRET_FOR_TESTS", canary)
	code := m.Run()
	for _, dir := range built.dirs {
		_ = os.RemoveAll(dir)
	}
	os.Exit(code)
}

// lab is a host with a well-behaved plugin and things worth attacking.
type lab struct {
	driver    *cell.Driver
	run       string // the driver's RunDir
	work      string // modules and caches, which cells may reach
	logs      *logs
	targets   targets
	bystander *cell.Cell
}

// targets repeats the native program's.
type targets struct {
	TCP, Unix, Abstract, File, Dir string
	HostPID                        int
	Canary                         string
}

func newLab(t testing.TB) *lab {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("confinement is Linux's")
	}
	l := &lab{run: tempDir(t), work: tempDir(t), logs: &logs{}}
	driver, err := cell.NewDriver(cell.Config{
		Binary: runner(t), RunDir: l.run, StartTimeout: 6 * time.Second,
		Logger: hclog.New(&hclog.LoggerOptions{Output: l.logs, Level: hclog.Trace}),
	})
	if err != nil {
		t.Fatal(err)
	}
	l.driver = driver
	t.Cleanup(func() {
		if err := driver.Close(); err != nil {
			t.Error(err)
		}
	})
	l.targets = bait(t)
	l.bystander = l.start(t, l.install(t, "bystander", Echo(), time.Minute))
	return l
}

// tempDir is a folder with a short path, since those of sockets are limited.
func tempDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "hostile")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// bait prepares what native attacks reach for, and checks afterwards that
// nobody did.
func bait(t testing.TB) targets {
	t.Helper()
	dir := tempDir(t)
	file := filepath.Join(tempDir(t), "secret")
	if err := os.WriteFile(file, []byte("the secret: "+canary), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	abstract := "hostile-" + strconv.Itoa(os.Getpid()) + "-" + filepath.Base(dir)
	socket := filepath.Join(tempDir(t), "docker.sock")
	out := targets{
		TCP: listen(t, "tcp", "127.0.0.1:0"), Unix: listen(t, "unix", socket), Abstract: abstract,
		File: file, Dir: dir, HostPID: os.Getpid(), Canary: canary,
	}
	listen(t, "unix", "@"+abstract)
	if err := os.Chmod(socket, 0o777); err != nil {
		t.Fatal(err)
	}
	before, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		after, err := os.Stat(file)
		if err != nil || after.Mode() != before.Mode() || !after.ModTime().Equal(before.ModTime()) || after.Size() != before.Size() {
			t.Errorf("the secret file was touched: %v, %v", after, err)
		}
		entries, err := os.ReadDir(dir)
		if err != nil || len(entries) > 0 {
			t.Errorf("planted in the folder anyone may write to: %v, %v", entries, err)
		}
		for _, name := range []string{"/tmp/ambit-hostile-planted", "/dev/shm/ambit-hostile-planted"} {
			if os.Remove(name) == nil {
				t.Errorf("%s was planted", name)
			}
		}
	})
	return out
}

// listen is a service of the host that no cell may reach: a connection fails
// the test.
func listen(t testing.TB, network, address string) string {
	t.Helper()
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	var done sync.WaitGroup
	done.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			t.Errorf("a cell, or the host at its word, connected to %s %s", network, address)
			conn.Close()
		}
	})
	t.Cleanup(func() { l.Close(); done.Wait() })
	return l.Addr().String()
}

// install writes a module where its cell finds it and compiles it.
func (l *lab) install(t testing.TB, name string, module []byte, timeout time.Duration) cell.Spec {
	t.Helper()
	spec := l.spec(t, name, module, timeout)
	if _, err := l.driver.Inspect(t.Context(), spec); err != nil {
		t.Fatalf("install %s: %v", name, err)
	}
	return spec
}

func (l *lab) spec(t testing.TB, name string, module []byte, timeout time.Duration) cell.Spec {
	t.Helper()
	sum := sha256.Sum256(module)
	digest := hex.EncodeToString(sum[:])
	dir := filepath.Join(l.work, digest)
	cache := filepath.Join(dir, "cache")
	if err := os.MkdirAll(cache, 0o755); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "module.wasm")
	if err := os.WriteFile(file, module, 0o644); err != nil {
		t.Fatal(err)
	}
	return cell.Spec{
		Plugin: pluginName(name), Digest: "sha256:" + digest, Runtime: "wasm",
		Module: file, Cache: cache, MemoryMB: 64, Timeout: timeout,
	}
}

// pluginName makes an attack's name one that a plugin may have.
func pluginName(s string) string {
	return strings.ToLower(strings.NewReplacer(" ", "-", "'", "", "/", "-").Replace(s))
}

// built are the folders of what the tests built.
var built struct {
	sync.Mutex
	dirs []string
}

// build makes a static executable once.
func build(source string) func() (string, error) {
	return sync.OnceValues(func() (string, error) {
		dir, err := os.MkdirTemp("", "hostile")
		if err != nil {
			return "", err
		}
		built.Lock()
		built.dirs = append(built.dirs, dir)
		built.Unlock()
		file := filepath.Join(dir, filepath.Base(source))
		cmd := exec.Command("go", "build", "-trimpath", "-o", file, source)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			return "", errors.New(string(out))
		}
		return file, nil
	})
}

var program, cells = build("./native"), build("../runner")

// runner is the cells' executable.
func runner(t testing.TB) string {
	t.Helper()
	file, err := cells()
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// native puts the program into the lab under the attack's name.
func (l *lab) native(t testing.TB, a Attack, timeout time.Duration) cell.Spec {
	t.Helper()
	built, err := program()
	if err != nil {
		t.Fatal(err)
	}
	name := "plugin"
	if a.Broken != "" {
		name = "broken-" + a.Broken
	}
	if a.Broken == "tcp-" {
		_, port, err := net.SplitHostPort(l.targets.TCP)
		if err != nil {
			t.Fatal(err)
		}
		name += port
	}
	b, err := os.ReadFile(built)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(l.work, pluginName(a.Name))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, name)
	if err := os.WriteFile(file, b, 0o755); err != nil {
		t.Fatal(err)
	}
	if a.Broken == "elsewhere" {
		listen(t, "unix", filepath.Join(l.run, "elsewhere.sock"))
	}
	sum := sha256.Sum256(b)
	return cell.Spec{
		Plugin: pluginName(a.Name), Digest: "sha256:" + hex.EncodeToString(sum[:]),
		Runtime: "native", Module: file, MemoryMB: 64, Timeout: timeout,
	}
}

func (l *lab) start(t testing.TB, spec cell.Spec) *cell.Cell {
	t.Helper()
	c, err := l.driver.Start(t.Context(), spec)
	if err != nil {
		t.Fatalf("start %s: %v", spec.Plugin, err)
	}
	t.Cleanup(func() { c.Kill() })
	return c
}

// crowd is more goroutines than a host needs for two cells, whatever one does.
const crowd = 300

// beside runs the attack while the bystander is called, and returns how long
// its calls took. Every one of them must succeed.
func (l *lab) beside(t *testing.T, attack func()) (during []time.Duration) {
	t.Helper()
	stop := make(chan struct{})
	var others sync.WaitGroup
	others.Go(func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(2 * time.Millisecond):
			}
			begun := time.Now()
			out, err := l.bystander.Call(context.Background(), cell.Call{Export: "call", Input: []byte("still here")})
			if err != nil || string(out) != "still here" {
				t.Errorf("the bystander's call: %q, %v", out, err)
				return
			}
			during = append(during, time.Since(begun))
			if n := runtime.NumGoroutine(); n > crowd {
				t.Errorf("the attack makes the host run %d goroutines", n)
				return
			}
		}
	})
	func() {
		defer others.Wait() // also when the attack ends the test
		defer close(stop)
		attack()
	}()
	return during
}

func median(d []time.Duration) time.Duration {
	if len(d) == 0 {
		return 0
	}
	slices.Sort(d)
	return d[len(d)/2]
}

// gone waits until no process has the id: the host reaps what it kills.
func gone(t *testing.T, pid int) {
	t.Helper()
	for range 500 {
		if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("process %d is alive", pid)
}

// logs collects what the host logs and looks for what must not be there.
type logs struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logs) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.b.Len() > 64<<20 {
		return len(b), nil
	}
	return l.b.Write(b)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// clean fails the test if text that reaches people could steer a terminal,
// forge a line, or holds a secret.
func clean(t *testing.T, where, text string) {
	t.Helper()
	if strings.Contains(text, canary) {
		t.Errorf("%s holds the host's secret", where)
	}
	for _, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		for _, r := range line {
			if r < 0x20 && r != '\t' || r >= 0x7f && r < 0xa0 || r == '\u202e' || r == '\u2028' {
				t.Errorf("%s holds %U: %.120q", where, r, line)
				break
			}
		}
	}
	if strings.Contains(text, "\n2026-01-01T00:00:00Z [ERROR]") {
		t.Errorf("%s holds a forged line", where)
	}
}

func mustJSON(t testing.TB, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// codeIs accepts the code the corpus names.
func codeIs(t *testing.T, err error, want, or protocol.Code) {
	t.Helper()
	if want == "" && err != nil {
		t.Errorf("error %v, want none", err)
	}
	if code := protocol.CodeOf(err); want != "" && (err == nil || code != want && (or == "" || code != or)) {
		t.Errorf("error %v with code %q, want %q", err, protocol.CodeOf(err), want)
	}
	if err != nil {
		clean(t, "the error", err.Error())
	}
}
