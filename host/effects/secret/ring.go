package secret

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"time"

	"github.com/zalando/go-keyring"

	"github.com/ambithost/ambit/sdk/protocol"
)

// ringWait is how long one keyring call may take. A person may be asked to
// unlock it in that time.
const (
	ringWait  = 20 * time.Second
	probeWait = 3 * time.Second
)

// index is the item that lists the names: keyrings can't enumerate. No secret
// can have this name.
const index = "index"

// ring keeps each secret as one keyring item. Values are base64, because some
// keyrings take text only.
type ring struct {
	service string
	stuck   chan struct{} // holds a token while a call is abandoned
}

func newRing(dir string) *ring {
	if abs, err := filepath.Abs(dir); err == nil {
		dir = abs
	}
	sum := sha256.Sum256([]byte(dir)) // two homes of one owner do not mix
	return &ring{service: "ambit-" + hex.EncodeToString(sum[:6]), stuck: make(chan struct{}, 1)}
}

// probe stores, reads and deletes an item.
func (r *ring) probe(ctx context.Context) error {
	want := rand.Text()
	return r.call(ctx, probeWait, func() error {
		item := "probe-" + want
		if err := keyring.Set(r.service, item, want); err != nil {
			return err
		}
		got, err := keyring.Get(r.service, item)
		if err = errors.Join(err, keyring.Delete(r.service, item)); err != nil {
			return err
		}
		if got != want {
			return errors.New("the keyring gave back something else than was stored")
		}
		return nil
	})
}

// sessionBus looks for a D-Bus session where keyrings need one: without it the
// client would try to start one.
func sessionBus() error {
	if runtime.GOOS == "darwin" || runtime.GOOS == "windows" || os.Getenv("DBUS_SESSION_BUS_ADDRESS") != "" {
		return nil
	}
	dirs := []string{os.Getenv("XDG_RUNTIME_DIR"), filepath.Join("/run/user", strconv.Itoa(os.Getuid()))}
	for _, dir := range dirs {
		if dir == "" {
			continue
		}
		if info, err := os.Stat(filepath.Join(dir, "bus")); err == nil && info.Mode()&os.ModeSocket != 0 {
			return nil
		}
	}
	return errors.New("there is no D-Bus session")
}

// call runs f with a time limit. The client has no way to cancel, so a call
// that hangs is abandoned; until it returns no other is started, and so there
// is never more than one.
func (r *ring) call(ctx context.Context, wait time.Duration, f func() error) error {
	if err := sessionBus(); err != nil {
		return protocol.Errorf(protocol.Unavailable, "the system's keyring does not answer: %v", err)
	}
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	select {
	case r.stuck <- struct{}{}:
	case <-ctx.Done():
		return protocol.Errorf(protocol.Unavailable, "the system's keyring does not answer, an earlier call still hangs: unlock it")
	}
	done := make(chan error, 1)
	go func() {
		defer func() { <-r.stuck }()
		done <- f()
	}()
	select {
	case err := <-done:
		if _, typed := errors.AsType[*protocol.Error](err); err == nil || typed {
			return err
		}
		return protocol.Errorf(protocol.Unavailable, "the system's keyring: %v", err)
	case <-ctx.Done():
		return protocol.Errorf(protocol.Unavailable, "the system's keyring did not answer within %v: unlock it", wait)
	}
}

func (r *ring) load(ctx context.Context, name string) (value []byte, ok bool, err error) {
	type found struct {
		text string
		ok   bool
	}
	out := make(chan found, 1) // an abandoned call must not write what we return
	err = r.call(ctx, ringWait, func() error {
		text, err := keyring.Get(r.service, name)
		if errors.Is(err, keyring.ErrNotFound) {
			out <- found{}
			return nil
		}
		out <- found{text, true}
		return err
	})
	if err != nil {
		return nil, false, err
	}
	got := <-out
	if !got.ok {
		return nil, false, nil
	}
	value, err = base64.StdEncoding.DecodeString(got.text)
	if err != nil {
		return nil, false, errors.New("its keyring item was not written by ambit")
	}
	return value, true, nil
}

// save writes the index first: a name without a value is visible and can be
// removed, a value without a name would be lost from sight.
func (r *ring) save(ctx context.Context, name string, value []byte) error {
	names, err := r.names(ctx)
	if err != nil {
		return err
	}
	if !slices.Contains(names, name) {
		names = append(names, name)
		slices.Sort(names)
		if err := r.saveIndex(ctx, names); err != nil {
			return err
		}
	}
	return r.set(ctx, name, value)
}

func (r *ring) set(ctx context.Context, item string, value []byte) error {
	text := base64.StdEncoding.EncodeToString(value)
	return r.call(ctx, ringWait, func() error {
		err := keyring.Set(r.service, item, text)
		if errors.Is(err, keyring.ErrSetDataTooBig) {
			return protocol.Errorf(protocol.Limit, "the system's keyring does not take %d bytes", len(value))
		}
		return err
	})
}

func (r *ring) remove(ctx context.Context, name string) (bool, error) {
	names, err := r.names(ctx)
	if err != nil {
		return false, err
	}
	i := slices.Index(names, name)
	if i < 0 {
		return false, nil
	}
	err = r.call(ctx, ringWait, func() error {
		if err := keyring.Delete(r.service, name); !errors.Is(err, keyring.ErrNotFound) {
			return err
		}
		return nil
	})
	if err != nil {
		return false, err
	}
	return true, r.saveIndex(ctx, slices.Delete(names, i, i+1))
}

func (r *ring) names(ctx context.Context) ([]string, error) {
	b, ok, err := r.load(ctx, index)
	if err != nil || !ok {
		return []string{}, err
	}
	names := []string{}
	if err := json.Unmarshal(b, &names); err != nil {
		return nil, errors.New("the keyring's index of secrets is damaged")
	}
	return names, nil
}

func (r *ring) saveIndex(ctx context.Context, names []string) error {
	b, err := json.Marshal(names)
	if err != nil {
		return err
	}
	return r.set(ctx, index, b)
}
