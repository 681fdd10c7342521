package cell

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/ambithost/ambit/host/cell/confine"
	"github.com/ambithost/ambit/host/cell/wasm"
	"github.com/ambithost/ambit/sdk/manifest"
	"github.com/ambithost/ambit/sdk/protocol"
)

// Config configures a Driver.
type Config struct {
	Binary string // the executable that calls Main when its first argument is "cell"; empty: this one
	// RunDir holds the cells' sockets; it is created. A path too long for a
	// unix socket is replaced by a folder under the system's temporary one.
	RunDir string
	// StartTimeout is how long a cell has until it says hello; 0: 10 seconds,
	// and a minute to compile.
	StartTimeout time.Duration
	Logger       hclog.Logger // nil: silent
}

// Driver starts cells.
type Driver struct {
	config Config
	log    hclog.Logger
	binary *os.File // open, so that an upgrade of the file changes no running host
	runDir string
	remove bool // runDir is ours to remove
	spawn  *spawner
	level  atomic.Int32 // index in confine.Levels of what last worked

	mu     sync.Mutex
	closed bool
	cells  map[*Cell]struct{}
}

// maxRunDir leaves room for two generated names under the limit of a socket's
// path (104 on macOS).
const maxRunDir = 64

// NewDriver checks the configuration and starts the driver's one goroutine.
func NewDriver(c Config) (*Driver, error) {
	if c.Binary == "" {
		exe, err := os.Executable()
		if err != nil {
			return nil, fmt.Errorf("cell: which executable is this: %w", err)
		}
		c.Binary = exe
	}
	if c.Logger == nil {
		c.Logger = hclog.NewNullLogger()
	}
	d := &Driver{config: c, log: c.Logger.Named("cell"), cells: map[*Cell]struct{}{}}
	if err := d.openRunDir(c.RunDir); err != nil {
		return nil, err
	}
	var err error
	if d.binary, err = os.Open(c.Binary); err != nil {
		return nil, errors.Join(fmt.Errorf("cell: %w", err), d.closeRunDir())
	}
	d.spawn = newSpawner()
	return d, nil
}

func (d *Driver) openRunDir(dir string) (err error) {
	if dir == "" {
		return errors.New("cell: Config.RunDir is empty; name a folder for sockets")
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return fmt.Errorf("cell: run folder: %w", err)
	}
	if err = os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("cell: run folder: %w", err)
	}
	if len(dir) > maxRunDir {
		if dir, err = os.MkdirTemp("", "ambit-"); err != nil {
			return fmt.Errorf("cell: run folder: %w", err)
		}
		d.remove = true
	}
	d.runDir = dir
	return nil
}

func (d *Driver) closeRunDir() error {
	if d.remove {
		return os.RemoveAll(d.runDir)
	}
	return nil
}

// Start starts a cell and returns once the plugin is ready to be called. The
// error's code: invalid for a module that can't run, timeout, killed when ctx
// was cancelled for that, limit, unavailable for other failures.
func (d *Driver) Start(ctx context.Context, s Spec) (*Cell, error) {
	s, err := s.withDefaults()
	if err != nil {
		return nil, err
	}
	purpose := confine.RunNative
	if s.Runtime == manifest.Wasm {
		purpose = confine.RunWasm
	}
	c, err := d.start(ctx, s, purpose)
	if err == nil || protocol.CodeOf(err) != wasm.ColdCache || s.Cache == "" {
		return c, err
	}
	// Compiled for another version of the runtime, or never.
	d.log.Info("compiling", "plugin", s.Plugin, "digest", s.Digest)
	if _, err := d.compile(ctx, s, false); err != nil {
		return nil, err
	}
	return d.start(ctx, s, purpose)
}

// start tries the best confinement that has worked before, then lesser ones.
func (d *Driver) start(ctx context.Context, s Spec, p confine.Purpose) (*Cell, error) {
	levels := confine.Levels()
	for i := int(d.level.Load()); ; i++ {
		c, err := d.startAt(ctx, s, p, levels[i])
		if err == nil || !confine.Refused(err) || i == len(levels)-1 {
			return c, err
		}
		d.log.Warn("the system refuses namespaces; cells are less confined", "error", err)
		d.level.Store(int32(i + 1))
	}
}

func (d *Driver) startTimeout(p confine.Purpose) time.Duration {
	switch {
	case d.config.StartTimeout > 0:
		return d.config.StartTimeout
	case p == confine.Compile:
		return time.Minute
	}
	return 10 * time.Second
}

func (d *Driver) add(c *Cell) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return protocol.Errorf(protocol.Unavailable, "cell: the host is stopping")
	}
	d.cells[c] = struct{}{}
	return nil
}

func (d *Driver) forget(c *Cell) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.cells, c)
}

// Close kills every cell and waits for them. Start fails afterwards.
func (d *Driver) Close() error {
	d.mu.Lock()
	first := !d.closed
	d.closed = true
	var cells []*Cell
	for c := range d.cells {
		cells = append(cells, c)
	}
	d.mu.Unlock()
	for _, c := range cells {
		c.die(protocol.Errorf(protocol.Killed, "plugin %s: the host is stopping", c.spec.Plugin), 0)
	}
	for _, c := range cells {
		<-c.done
	}
	if !first {
		return nil
	}
	d.spawn.close()
	return errors.Join(d.binary.Close(), d.closeRunDir())
}

// spawner starts processes from one thread that lives as long as the driver:
// the parent-death signal comes when the thread that forked ends.
type spawner struct {
	work chan func()
	done chan struct{}
}

func newSpawner() *spawner {
	s := &spawner{work: make(chan func()), done: make(chan struct{})}
	go func() {
		defer close(s.done)
		runtime.LockOSThread() // and never unlock: the thread ends with this function
		for f := range s.work {
			f()
		}
	}()
	return s
}

// do runs f on the thread and waits.
func (s *spawner) do(f func() error) error {
	result := make(chan error, 1)
	s.work <- func() { result <- f() }
	return <-result
}

func (s *spawner) close() {
	close(s.work)
	<-s.done
}
