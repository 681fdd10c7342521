// Package matrixtest runs a real Matrix home server for tests, Dendrite, on
// loopback: [Start], then [Server.Person] for users, who act as their clients
// would. `make dendrite` builds the server; without it tests are skipped.
package matrixtest

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"net"
	"net/http"
	"os"
	"os/exec" //nolint:depguard // a server for tests, part of no program
	"path/filepath"
	"testing"
	"time"
)

// Server is a home server in a process of its own, named localhost, which
// talks with no other.
type Server struct {
	URL string
}

// Start runs a home server until the test ends.
func Start(t testing.TB) *Server {
	t.Helper()
	bin, ok := binary()
	if !ok {
		t.Skip("no Matrix home server: run `make dendrite`")
	}
	dir := t.TempDir()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	pem := "-----BEGIN MATRIX PRIVATE KEY-----\nKey-ID: ed25519:test1\n\n" + base64.StdEncoding.EncodeToString(key) + "\n-----END MATRIX PRIVATE KEY-----\n"
	for name, text := range map[string]string{"key.pem": pem, "dendrite.yaml": configuration} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(bin, "-config", "dendrite.yaml", "-really-enable-open-registration", "-http-bind-address", addr, "-https-bind-address", "") //nolint:gosec // found above
	cmd.Dir = dir
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	s := &Server{URL: "http://" + addr}
	if err := s.ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *Server) ready(ctx context.Context) error {
	for range 1200 { // only a hang gets to the end
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+"/_matrix/client/versions", nil)
		if err != nil {
			return err
		}
		if resp, err := direct().Do(r); err == nil {
			return resp.Body.Close()
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return errors.New("the home server did not start")
}

// direct is a client that asks no proxy.
func direct() *http.Client {
	return &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: time.Minute}
}

// binary finds the server where `make dendrite` puts it, or on the PATH.
func binary() (string, bool) {
	dir, err := os.Getwd()
	for err == nil {
		if _, miss := os.Stat(filepath.Join(dir, "go.mod")); miss == nil {
			bin := filepath.Join(dir, "bin", "tools", "dendrite")
			if _, miss := os.Stat(bin); miss == nil {
				return bin, true
			}
			break
		}
		up := filepath.Dir(dir)
		if up == dir {
			break
		}
		dir = up
	}
	bin, err := exec.LookPath("dendrite")
	return bin, err == nil
}

// configuration keeps everything in SQLite files and on loopback.
const configuration = `version: 2
global:
  server_name: localhost
  private_key: key.pem
  disable_federation: true
  cache: {max_size_estimated: 64mb, max_age: 1h}
  jetstream: {storage_path: ., in_memory: true}
client_api:
  registration_disabled: false
  rate_limiting: {enabled: false}
media_api: {base_path: ./media, database: {connection_string: file:media.db}}
app_service_api: {database: {connection_string: file:app.db}}
federation_api: {database: {connection_string: file:federation.db}}
key_server: {database: {connection_string: file:keys.db}}
mscs: {database: {connection_string: file:mscs.db}}
relay_api: {database: {connection_string: file:relay.db}}
room_server: {database: {connection_string: file:rooms.db}}
sync_api: {database: {connection_string: file:sync.db}}
user_api:
  account_database: {connection_string: file:accounts.db}
  device_database: {connection_string: file:devices.db}
logging: []
`
