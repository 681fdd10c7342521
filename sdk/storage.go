package sdk

import (
	"context"
	"time"

	"github.com/ambithost/ambit/sdk/protocol"
)

// Get reads a key of the plugin's own store (kv.read). A missing key has code
// [protocol.NotFound].
func (h *Host) Get(ctx context.Context, key string) ([]byte, error) {
	var out struct {
		Found bool   `json:"found"`
		Value []byte `json:"value_base64"`
	}
	if err := h.Effect(ctx, "kv.read", map[string]string{"key": key}, &out); err != nil {
		return nil, err
	}
	if !out.Found {
		return nil, protocol.Errorf(protocol.NotFound, "no key %q", key)
	}
	return out.Value, nil
}

// Keys lists the keys of the plugin's own store that begin with prefix
// (kv.read).
func (h *Host) Keys(ctx context.Context, prefix string) ([]string, error) {
	var out struct {
		Keys []string `json:"keys"`
	}
	err := h.Effect(ctx, "kv.read", map[string]string{"prefix": prefix}, &out)
	return out.Keys, err
}

// Put writes a key of the plugin's own store (kv.write).
func (h *Host) Put(ctx context.Context, key string, value []byte) error {
	return h.Effect(ctx, "kv.write", map[string]any{"key": key, "value_base64": notNil(value)}, nil)
}

// Delete removes a key of the plugin's own store (kv.write).
func (h *Host) Delete(ctx context.Context, key string) error {
	return h.Effect(ctx, "kv.write", map[string]any{"key": key, "delete": true}, nil)
}

// Entry is one file or folder of a listing.
type Entry struct {
	Name     string    `json:"name"`
	Dir      bool      `json:"dir"`
	Size     int64     `json:"size"`
	Modified time.Time `json:"modified"`
}

// ReadFile reads a file of the agent's workspace (file.read). Paths are
// slash-separated and relative to it.
func (h *Host) ReadFile(ctx context.Context, path string) ([]byte, error) {
	var out struct {
		Data []byte `json:"data_base64"`
	}
	err := h.Effect(ctx, "file.read", map[string]string{"path": path}, &out)
	return out.Data, err
}

// ListFolder lists a folder of the agent's workspace (file.read); path ends in
// "/".
func (h *Host) ListFolder(ctx context.Context, path string) ([]Entry, error) {
	var out struct {
		Entries []Entry `json:"entries"`
	}
	err := h.Effect(ctx, "file.read", map[string]string{"path": path}, &out)
	return out.Entries, err
}

// WriteFile replaces a file of the agent's workspace, folders included
// (file.write).
func (h *Host) WriteFile(ctx context.Context, path string, data []byte) error {
	return h.Effect(ctx, "file.write", map[string]any{"path": path, "data_base64": notNil(data)}, nil)
}

// AppendFile adds to the end of a file of the agent's workspace (file.write).
func (h *Host) AppendFile(ctx context.Context, path string, data []byte) error {
	return h.Effect(ctx, "file.write", map[string]any{"path": path, "data_base64": notNil(data), "append": true}, nil)
}

// DeleteFile removes a file of the agent's workspace (file.write).
func (h *Host) DeleteFile(ctx context.Context, path string) error {
	return h.Effect(ctx, "file.write", map[string]any{"path": path, "delete": true}, nil)
}

// notNil keeps an empty value from becoming JSON null.
func notNil(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}
