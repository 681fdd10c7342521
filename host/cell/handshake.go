package cell

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/ambithost/ambit/sdk/protocol"
)

// maxHandshake caps the one line that a cell writes to standard output.
const maxHandshake = 1 << 10

// handshake is a cell's standard output as go-plugin reads it: the first line
// checked and rewritten, and nothing after it. go-plugin trusts that line more
// than a cell deserves: it connects to whatever address it names.
type handshake struct {
	from    io.ReadCloser
	process *process
	line    *bytes.Reader // nil: not read yet
	rest    io.Reader
}

// Read implements io.Reader. A bad line reads as one that go-plugin refuses,
// with the reason in it.
func (h *handshake) Read(b []byte) (int, error) {
	if h.line == nil {
		r := bufio.NewReaderSize(h.from, maxHandshake)
		line, err := r.ReadSlice('\n')
		h.rest = &throttled{from: r, dying: h.process.dying}
		checked, bad := h.process.checkHandshake(string(line), err)
		if bad != nil {
			if errors.Is(err, io.EOF) && len(line) == 0 {
				return 0, io.EOF
			}
			h.process.mu.Lock()
			h.process.refused = bad
			h.process.mu.Unlock()
			checked = "refused"
		}
		h.line = bytes.NewReader([]byte(checked + "\n"))
	}
	if h.line.Len() > 0 {
		return h.line.Read(b)
	}
	for { // keep the pipe empty
		if _, err := h.rest.Read(b); err != nil {
			return 0, err
		}
	}
}

// Close implements io.Closer.
func (h *handshake) Close() error { return h.from.Close() }

// checkHandshake admits version 1 of go-plugin's line, our protocol, gRPC,
// no certificate, and a socket in the cell's own folder.
func (p *process) checkHandshake(line string, err error) (string, error) {
	if errors.Is(err, bufio.ErrBufferFull) {
		return "", fmt.Errorf("the handshake is longer than %d bytes", maxHandshake)
	}
	if err != nil {
		return "", err
	}
	parts := strings.Split(strings.TrimRight(line, "\r\n"), "|")
	if len(parts) == 5 {
		parts = append(parts, "")
	}
	bad := fmt.Errorf("not a plugin's handshake: %q", plain(line, 80))
	if len(parts) != 6 || parts[0] != "1" || parts[1] != fmt.Sprint(protocol.HandshakeVersion) || parts[4] != "grpc" || parts[5] != "" {
		return "", bad
	}
	address, err := p.checkAddress(parts[2], parts[3])
	if err != nil {
		return "", err
	}
	return strings.Join([]string{"1", parts[1], parts[2], address, "grpc"}, "|"), nil
}

func (p *process) checkAddress(network, address string) (string, error) {
	if runtime.GOOS == "windows" && network == "tcp" { // go-plugin has no sockets there
		if host, _, err := net.SplitHostPort(address); err == nil && host == "127.0.0.1" {
			return address, nil
		}
	}
	name, ok := strings.CutPrefix(address, p.seenAs+"/")
	if network != "unix" || !ok || name == "" || filepath.Base(name) != name || strings.ContainsAny(name, "|/\x00") {
		return "", fmt.Errorf("the handshake names %s %q, which is not in the cell's own folder", plain(network, 20), plain(address, 80))
	}
	path := filepath.Join(p.socketDir, name)
	if info, err := os.Lstat(path); err != nil || info.Mode().Type() != os.ModeSocket {
		return "", fmt.Errorf("the handshake names %q, which is not a socket", plain(address, 80))
	}
	return path, nil
}

// throttled slows a reader down to what a person could read, so that a cell
// that floods its output blocks instead of occupying the host.
type throttled struct {
	from  io.Reader
	dying <-chan struct{}
	spent int
	since time.Time
}

// floodBytes a second are more than any honest plugin writes for long.
const floodBytes = 256 << 10

func (t *throttled) Read(b []byte) (int, error) {
	n, err := t.from.Read(b)
	if now := time.Now(); now.Sub(t.since) > time.Second {
		t.since, t.spent = now, 0
	}
	if t.spent += n; t.spent > floodBytes {
		select {
		case <-time.After(time.Until(t.since.Add(time.Second))):
		case <-t.dying:
		}
	}
	return n, err
}
