package main

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ambithost/ambit/plugins/channels/channeltest"
)

// dendrite is the real home server that these tests talk to: a build of
// github.com/matrix-org/dendrite, by `make dendrite` or on the PATH.
type dendrite struct {
	url string
	cmd *exec.Cmd
	dir string
}

var started struct {
	once sync.Once
	d    *dendrite
	err  error
}

func TestMain(m *testing.M) {
	code := m.Run()
	if d := started.d; d != nil {
		_ = d.cmd.Process.Kill()
		_ = d.cmd.Wait()
		_ = os.RemoveAll(d.dir)
	}
	os.Exit(code)
}

// server starts the home server, once for all tests; each has users of its own.
func server(t *testing.T) *dendrite {
	t.Helper()
	bin, err := filepath.Abs("../../../bin/tools/dendrite")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(bin); err != nil {
		if bin, err = exec.LookPath("dendrite"); err != nil {
			t.Skip("no Matrix home server: run `make dendrite`")
		}
	}
	started.once.Do(func() { started.d, started.err = start(bin) })
	if started.err != nil {
		t.Fatal(started.err)
	}
	return started.d
}

func start(bin string) (*dendrite, error) {
	dir, err := os.MkdirTemp("", "dendrite")
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	addr := l.Addr().String()
	if err := l.Close(); err != nil {
		return nil, err
	}
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	pem := "-----BEGIN MATRIX PRIVATE KEY-----\nKey-ID: ed25519:test1\n\n" + base64.StdEncoding.EncodeToString(key) + "\n-----END MATRIX PRIVATE KEY-----\n"
	for name, text := range map[string]string{"key.pem": pem, "dendrite.yaml": configuration} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return nil, err
		}
	}
	d := &dendrite{url: "http://" + addr, dir: dir}
	d.cmd = exec.Command(bin, "-config", "dendrite.yaml", "-really-enable-open-registration", "-http-bind-address", addr, "-https-bind-address", "")
	d.cmd.Dir = dir
	if err := d.cmd.Start(); err != nil {
		return nil, err
	}
	for range 600 {
		if resp, err := http.Get(d.url + "/_matrix/client/versions"); err == nil {
			return d, resp.Body.Close()
		}
		time.Sleep(50 * time.Millisecond)
	}
	return d, fmt.Errorf("%s did not start", bin)
}

// configuration keeps everything in SQLite files and on loopback.
var configuration = `version: 2
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

// person is a user of the home server as a client sees it.
type person struct {
	t         *testing.T
	d         *dendrite
	id, token string
}

func (d *dendrite) person(t *testing.T, name string) person {
	t.Helper()
	name += "-" + strings.ToLower(rand.Text())
	p := person{t: t, d: d}
	got := p.do("POST", "/_matrix/client/v3/register", map[string]any{"username": name, "password": rand.Text(), "auth": map[string]string{"type": "m.login.dummy"}})
	p.id, p.token = got["user_id"].(string), got["access_token"].(string)
	return p
}

// do makes a request that must succeed.
func (p person) do(method, path string, body any) map[string]any {
	p.t.Helper()
	b, err := json.Marshal(body)
	if err != nil {
		p.t.Fatal(err)
	}
	return p.raw(method, path, "application/json", b)
}

func (p person) raw(method, path, kind string, body []byte) (got map[string]any) {
	p.t.Helper()
	r, err := http.NewRequestWithContext(p.t.Context(), method, p.d.url+path, bytes.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	r.Header.Set("Content-Type", kind)
	if p.token != "" {
		r.Header.Set("Authorization", "Bearer "+p.token)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != 200 || json.Unmarshal(b, &got) != nil {
		p.t.Fatalf("%s %s: %d %s %v", method, path, resp.StatusCode, b, err)
	}
	return got
}

// room makes a room and invites others.
func (p person) room(direct bool, others ...person) string {
	p.t.Helper()
	var invite []string
	for _, o := range others {
		invite = append(invite, o.id)
	}
	return p.do("POST", client+"/createRoom", map[string]any{"is_direct": direct, "invite": invite, "preset": "trusted_private_chat"})["room_id"].(string)
}

func (p person) join(room string) { p.do("POST", escape("rooms", room, "join"), struct{}{}) }

func (p person) say(room string, content any) string {
	p.t.Helper()
	return p.event(room, "m.room.message", content)
}

func (p person) event(room, kind string, content any) string {
	p.t.Helper()
	return p.do("PUT", escape("rooms", room, "send", kind, rand.Text()), content)["event_id"].(string)
}

func text(s string) map[string]any { return map[string]any{"msgtype": "m.text", "body": s} }

func (p person) react(room, to, key string) {
	p.t.Helper()
	p.event(room, "m.reaction", map[string]any{"m.relates_to": map[string]string{"rel_type": "m.annotation", "event_id": to, "key": key}})
}

// messages lists what stands in a room, newest first.
func (p person) messages(room string) (list []event) {
	p.t.Helper()
	b, err := json.Marshal(p.do("GET", escape("rooms", room, "messages")+"?"+url.Values{"dir": {"b"}, "limit": {"100"}}.Encode(), struct{}{})["chunk"])
	if err != nil || json.Unmarshal(b, &list) != nil {
		p.t.Fatal(err)
	}
	return list
}

func (p person) upload(kind string, data []byte) string {
	p.t.Helper()
	return p.raw("POST", "/_matrix/media/v3/upload", kind, data)["content_uri"].(string)
}

// connect is the plugin with the account of p.
func connect(p person) *channeltest.Loop {
	return channeltest.New(matrix(), map[string]string{"base_url": p.d.url}, map[string]string{"MATRIX_TOKEN": p.token})
}
