package effects

import (
	"context"
	"errors"

	"github.com/ambithost/ambit/host/gate"
	"github.com/ambithost/ambit/sdk/capability"
	"github.com/ambithost/ambit/sdk/protocol"
)

const (
	maxKey     = 256
	maxKVValue = 1 << 20
)

func (c *Call) kvRead(ctx context.Context, args []byte) ([]byte, error) {
	var a struct {
		Key    *string `json:"key"`
		Prefix *string `json:"prefix"`
	}
	if err := decode("kv.read", args, &a); err != nil {
		return nil, err
	}
	if (a.Key == nil) == (a.Prefix == nil) {
		return nil, protocol.Errorf(protocol.Invalid, "kv.read: give key or prefix")
	}
	key, shown, list := "", "", a.Key == nil
	if list {
		key, shown = *a.Prefix, *a.Prefix+"…"
	} else {
		key, shown = *a.Key, *a.Key
	}
	if err := checkKey("kv.read", key, list); err != nil {
		return nil, err
	}
	var result any
	err := c.gated(ctx, "kv.read", shown, capability.Attributes{"key": key}, args, func(ctx context.Context, _ *gate.Flight) error {
		kv, err := c.e.kvStore()
		if err != nil {
			return err
		}
		if list {
			keys, err := kv.Keys(ctx, c.caller.Plugin, key)
			if keys == nil {
				keys = []string{}
			}
			result = map[string]any{"keys": keys}
			return c.e.unavailable("kv.read", err)
		}
		return c.recall(ctx, c.keptValue(key), func() error {
			value, found, err := kv.Get(ctx, c.caller.Plugin, key)
			result = struct {
				Found bool   `json:"found"`
				Value []byte `json:"value_base64,omitempty"`
			}{found, value}
			return c.e.unavailable("kv.read", err)
		})
	})
	if err != nil {
		return nil, err
	}
	return encode(result)
}

func (c *Call) kvWrite(ctx context.Context, args []byte) ([]byte, error) {
	var a struct {
		Key    string  `json:"key"`
		Value  *[]byte `json:"value_base64"`
		Delete bool    `json:"delete"`
	}
	if err := decode("kv.write", args, &a); err != nil {
		return nil, err
	}
	if err := checkKey("kv.write", a.Key, false); err != nil {
		return nil, err
	}
	if (a.Value == nil) != a.Delete {
		return nil, protocol.Errorf(protocol.Invalid, "kv.write: give value_base64 or delete")
	}
	if a.Value != nil && len(*a.Value) > maxKVValue {
		return nil, protocol.Errorf(protocol.Limit, "kv.write: a value of %d bytes, the limit is %d", len(*a.Value), maxKVValue)
	}
	err := c.gated(ctx, "kv.write", a.Key, capability.Attributes{"key": a.Key}, args, func(ctx context.Context, _ *gate.Flight) error {
		kv, err := c.e.kvStore()
		if err != nil {
			return err
		}
		turn := c.e.plugin(c.caller.Plugin).kv
		select {
		case turn <- struct{}{}:
			defer func() { <-turn }()
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		if a.Delete {
			if err := kv.Delete(ctx, c.caller.Plugin, a.Key); err != nil {
				return c.e.unavailable("kv.write", err)
			}
			return c.forgetLabels(ctx, c.keptValue(a.Key))
		}
		return c.keepLabels(ctx, c.keptValue(a.Key), false, func() error { return c.kvPut(ctx, kv, a.Key, *a.Value) })
	})
	if err != nil {
		return nil, err
	}
	return empty, nil
}

// kvPut writes within the quota. Its caller has the plugin's turn, so that no two
// writers pass the check together, and labels stay with their value.
func (c *Call) kvPut(ctx context.Context, kv KV, key string, value []byte) error {
	keys, size, err := kvUsage(ctx, kv, c.caller.Plugin)
	if err != nil {
		return c.e.unavailable("kv.write", err)
	}
	old, found, err := kv.Get(ctx, c.caller.Plugin, key)
	if err != nil {
		return c.e.unavailable("kv.write", err)
	}
	if found {
		keys, size = keys-1, size-int64(len(key)+len(old))
	}
	l := c.e.cfg.Limits
	if keys+1 > l.KVKeys || size+int64(len(key)+len(value)) > l.KVBytes {
		return protocol.Errorf(protocol.Limit, "kv.write: %s may keep %d keys and %d bytes; delete some first", c.caller.Plugin, l.KVKeys, l.KVBytes)
	}
	return c.e.unavailable("kv.write", kv.Put(ctx, c.caller.Plugin, key, value))
}

func kvUsage(ctx context.Context, kv KV, plugin string) (int, int64, error) {
	if u, ok := kv.(KVUsage); ok {
		return u.Usage(ctx, plugin)
	}
	keys, err := kv.Keys(ctx, plugin, "")
	if err != nil {
		return 0, 0, err
	}
	var size int64
	for _, k := range keys {
		v, _, err := kv.Get(ctx, plugin, k)
		if err != nil {
			return 0, 0, err
		}
		size += int64(len(k) + len(v))
	}
	return len(keys), size, nil
}

func (e *Effects) kvStore() (KV, error) {
	if e.cfg.KV == nil {
		return nil, protocol.Errorf(protocol.Unavailable, "kv: this host keeps no values")
	}
	return e.cfg.KV, nil
}

func checkKey(what, key string, mayBeEmpty bool) error {
	switch {
	case key == "" && !mayBeEmpty:
		return protocol.Errorf(protocol.Invalid, "%s: the key is empty", what)
	case len(key) > maxKey:
		return protocol.Errorf(protocol.Limit, "%s: a key of %d bytes, the limit is %d", what, len(key), maxKey)
	case badName(key):
		return protocol.Errorf(protocol.Invalid, "%s: want a key in UTF-8 without control characters", what)
	}
	return nil
}

// unavailable gives errors of the host's own parts their code. Their text is
// the host's business and may hold paths, so a plugin gets none of it.
func (e *Effects) unavailable(what string, err error) error {
	if err == nil {
		return nil
	}
	if coded, ok := errors.AsType[*protocol.Error](err); ok {
		return coded
	}
	e.log.Error("a part of the host failed", "effect", what, "error", err)
	return &hostError{protocol.Error{Code: protocol.Unavailable, Message: what + ": the host can't serve this now; its log has the details"}, err}
}

// hostError keeps the cause for errors.Is without showing it.
type hostError struct {
	shown protocol.Error
	cause error
}

func (e *hostError) Error() string   { return e.shown.Message }
func (e *hostError) Unwrap() []error { return []error{&e.shown, e.cause} }
