package cell

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"github.com/hashicorp/go-plugin/runner"
	"google.golang.org/grpc"

	"github.com/ambithost/ambit/host/cell/confine"
	"github.com/ambithost/ambit/sdk/protocol"
	"github.com/ambithost/ambit/sdk/protocol/cellpb"
)

// maxModule caps a module's file.
const maxModule = 256 << 20

// order is what the host tells the process that becomes the cell, in its
// environment. Numbers are inherited descriptors; 0 means none.
type order struct {
	Name     string       `json:"name"` // the process's, for people
	Plan     confine.Plan `json:"plan"`
	Module   string       `json:"module"`
	ModuleFD int          `json:"module_fd,omitempty"`
	held     *os.File     // the open ModuleFD
	ReportFD int          `json:"report_fd,omitempty"`
	Digest   string       `json:"digest,omitempty"`
	MemoryMB int          `json:"memory_mb"`
}

// orderVariable carries the order. The cell removes it.
const orderVariable = "AMBIT_CELL"

// report is what the confining code says before anything of the plugin's runs.
type report struct {
	Measures []confine.Measure `json:"measures"`
	Error    *protocol.Error   `json:"error,omitempty"`
}

// startAt starts a cell at one level of confinement.
func (d *Driver) startAt(ctx context.Context, s Spec, p confine.Purpose, l confine.Level) (*Cell, error) {
	timeout := d.startTimeout(p)
	ctx, cancel := context.WithTimeoutCause(ctx, timeout,
		protocol.Errorf(protocol.Timeout, "plugin %s did not start within %v", s.Plugin, timeout))
	defer cancel()
	if err := ctx.Err(); err != nil {
		return nil, endOf(ctx)
	}
	c := newCell(s, p, d.log)
	if err := d.add(c); err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { c.die(endOf(ctx), 0) })
	err := d.launch(c, p, l)
	stop()
	if death := c.deathBefore(); death != nil { // a deadline, a kill, too much memory: the reason for err
		err = death
	}
	if err != nil {
		c.die(protocol.AsError(err), 0) // before supervise finds a reason of its own
	}
	go c.supervise(d.forget) // closes c.done, for which Kill and Close wait
	if err != nil {
		<-c.done
		return nil, err
	}
	return c, nil
}

// launch brings a cell up to its hello.
func (d *Driver) launch(c *Cell, p confine.Purpose, l confine.Level) error {
	ready, write, err := os.Pipe()
	if err != nil {
		return protocol.Errorf(protocol.Unavailable, "cell: %v", err)
	}
	defer ready.Close()
	var parent []confine.Measure
	var unfit error
	c.client = plugin.NewClient(&plugin.ClientConfig{
		HandshakeConfig: plugin.HandshakeConfig{
			ProtocolVersion: protocol.HandshakeVersion, MagicCookieKey: protocol.CookieKey, MagicCookieValue: protocol.CookieValue,
		},
		Plugins:          plugin.PluginSet{"cell": &remote{}},
		AllowedProtocols: []plugin.Protocol{plugin.ProtocolGRPC},
		SkipHostEnv:      true,
		StartTimeout:     2 * time.Minute,       // ours is shorter
		Logger:           hclog.NewNullLogger(), // go-plugin would log what the cell says unchecked
		Stderr:           io.MultiWriter(c.process.tail, c.log.stderr()),
		SyncStdout:       c.log.stderr(),
		SyncStderr:       c.log.stderr(),
		UnixSocketConfig: &plugin.UnixSocketConfig{TempDir: d.runDir},
		GRPCDialOptions: []grpc.DialOption{grpc.WithStreamInterceptor(noBroker), grpc.WithDefaultCallOptions(
			grpc.MaxCallRecvMsgSize(protocol.MaxFrame), grpc.MaxCallSendMsgSize(protocol.MaxFrame))},
		RunnerFunc: func(_ hclog.Logger, cmd *exec.Cmd, socketDir string) (runner.Runner, error) {
			parent, unfit = d.prepare(c, cmd, socketDir, write, p, l)
			return c.process, unfit
		},
	})
	rpc, err := c.client.Client()
	_ = write.Close() // the child has its own
	said, reportErr := readReport(ready)
	switch {
	case unfit != nil:
		return unfit
	case said.Error != nil:
		return said.Error
	case err != nil:
		return c.process.whyNoHandshake(c.spec.Plugin, err)
	case reportErr != nil:
		return protocol.Errorf(protocol.Unavailable, "plugin %s: the cell did not say how it is confined: %v", c.spec.Plugin, reportErr)
	}
	c.measures = append(parent, said.Measures...)
	raw, err := rpc.Dispense("cell")
	if err != nil {
		return protocol.Errorf(protocol.Unavailable, "plugin %s: %v", c.spec.Plugin, err)
	}
	return c.greet(raw.(cellpb.CellClient))
}

// whyNoHandshake prefers what the host found to what go-plugin made of it.
func (p *process) whyNoHandshake(plugin string, err error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.started && confine.Refused(err) {
		return err
	}
	if p.refused != nil {
		return protocol.Errorf(protocol.Unavailable, "plugin %s: %v", plugin, p.refused)
	}
	words := p.tail.words()
	if words == "" {
		words = plain(err.Error(), 300)
	}
	return protocol.Errorf(protocol.Unavailable, "plugin %s: its cell ended before it was ready: %s", plugin, words)
}

// prepare fills in the command that becomes the cell.
func (d *Driver) prepare(c *Cell, cmd *exec.Cmd, socketDir string, write *os.File, p confine.Purpose, l confine.Level) ([]confine.Measure, error) {
	proc := c.process
	proc.spawn, proc.cmd, proc.socketDir = d.spawn, cmd, socketDir
	if uid, gid, ok := l.Owner(); ok {
		if err := os.Chown(socketDir, uid, gid); err != nil {
			return nil, fmt.Errorf("cell: %w", err)
		}
	}
	cmd.Stdin = nil // go-plugin set the host's; nil is /dev/null
	attr, measures := l.Attr()
	cmd.SysProcAttr = attr
	o := order{
		Name: "ambit-cell " + c.spec.Plugin, Module: c.spec.Module, Digest: c.spec.Digest, MemoryMB: c.spec.MemoryMB,
		Plan: confine.Plan{Purpose: p, DataMB: c.spec.dataMB(p), OwnUsers: l.OwnUsers()},
	}
	if err := proc.inherit(&o, d, c.spec, write); err != nil {
		return nil, err
	}
	js, err := json.Marshal(o)
	if err != nil {
		return nil, fmt.Errorf("cell: %w", err)
	}
	proc.seenAs = o.Plan.Socket
	cmd.Env = slices.DeleteFunc(confine.CleanEnviron(cmd.Env), func(e string) bool { return strings.HasPrefix(e, plugin.EnvUnixSocketDir+"=") })
	cmd.Env = append(cmd.Env, plugin.EnvUnixSocketDir+"="+proc.seenAs, "GOTRACEBACK=none", orderVariable+"="+string(js))
	cmd.Args = []string{"ambit", "cell", c.spec.Plugin}
	return measures, nil
}

func openModule(path string) (*os.File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, protocol.Errorf(protocol.Unavailable, "cell: module: %v", err)
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("not a regular file")
	}
	if err == nil && info.Size() > maxModule {
		err = fmt.Errorf("%d bytes, the limit is %d", info.Size(), maxModule)
	}
	if err != nil {
		_ = f.Close()
		return nil, protocol.Errorf(protocol.Invalid, "cell: module %s: %v", filepath.Base(path), err)
	}
	return f, nil
}

// maxReport caps what the confining code may say.
const maxReport = 64 << 10

// readReport reads until the confining code closes its end, which is before
// the plugin runs.
func readReport(r io.Reader) (said report, err error) {
	b, err := io.ReadAll(io.LimitReader(r, maxReport))
	if err != nil {
		return said, err
	}
	return said, json.Unmarshal(b, &said)
}

// remote is the plugin's service as go-plugin dispenses it.
type remote struct{ plugin.NetRPCUnsupportedPlugin }

// GRPCServer is the plugin's side, which this is not.
func (*remote) GRPCServer(*plugin.GRPCBroker, *grpc.Server) error {
	return errors.New("cell: this is the host's side")
}

// GRPCClient implements plugin.GRPCPlugin.
func (*remote) GRPCClient(_ context.Context, _ *plugin.GRPCBroker, cc *grpc.ClientConn) (any, error) {
	return cellpb.NewCellClient(cc), nil
}
