package audit

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

// entriesLevel is how tlog names the level of entry bundles.
const entriesLevel = -1

// maxBundle is the size of a full bundle of the longest entries.
const maxBundle = tileWidth * (2 + maxEntry)

// tilePath is a tile's path below the published folder, with slashes.
func tilePath(t tlog.Tile) string {
	p := strings.TrimPrefix(t.Path(), fmt.Sprintf("tile/%d/", tileHeight))
	if rest, ok := strings.CutPrefix(p, "data/"); ok {
		p = "entries/" + rest
	}
	return "tile/" + p
}

// parseTilePath is the reverse of tilePath.
func parseTilePath(path string) (tlog.Tile, error) {
	rest, ok := strings.CutPrefix(path, "tile/")
	if !ok {
		return tlog.Tile{}, fmt.Errorf("%s is no tile", path)
	}
	if r, ok := strings.CutPrefix(rest, "entries/"); ok {
		rest = "data/" + r
	}
	t, err := tlog.ParseTilePath(fmt.Sprintf("tile/%d/%s", tileHeight, rest))
	if err != nil || tilePath(t) != path {
		return tlog.Tile{}, fmt.Errorf("%s is no tile", path)
	}
	return t, nil
}

func (p paths) tile(t tlog.Tile) string {
	return filepath.Join(p.public(), filepath.FromSlash(tilePath(t)))
}

// readTile returns exactly the wanted width of a tile or bundle: from its own
// file or, where a wider one has replaced it, from that.
func (p paths) readTile(t tlog.Tile) ([]byte, error) {
	data, err := readCapped(p.tile(t), maxBundle)
	if errors.Is(err, fs.ErrNotExist) && t.W < tileWidth {
		wide, e := p.readWider(t)
		if e != nil {
			return nil, err
		}
		if t.L == entriesLevel {
			return cutBundle(wide, t.W)
		}
		if len(wide) < t.W*tlog.HashSize {
			return nil, fmt.Errorf("%s: what replaced it is too short", p.tile(t))
		}
		return wide[:t.W*tlog.HashSize], nil
	}
	if err != nil {
		return nil, err
	}
	if t.L != entriesLevel && len(data) != t.W*tlog.HashSize {
		return nil, fmt.Errorf("%s: %d bytes instead of %d", p.tile(t), len(data), t.W*tlog.HashSize)
	}
	return data, nil
}

// readWider reads the tile that has replaced a partial one. While the log grows
// that is replaced in turn, so it looks again before it gives up.
func (p paths) readWider(t tlog.Tile) (data []byte, err error) {
	for range 10 {
		whole := t
		whole.W = tileWidth
		if data, err = readCapped(p.tile(whole), maxBundle); !errors.Is(err, fs.ErrNotExist) {
			return data, err
		}
		names, e := os.ReadDir(filepath.Dir(p.tile(t)))
		if e != nil {
			continue // filled up meanwhile, or gone for good
		}
		wider := t
		for _, n := range names {
			if w, e := strconv.Atoi(n.Name()); e == nil && w > wider.W && w < tileWidth {
				wider.W = w
			}
		}
		if wider.W == t.W {
			continue
		}
		if data, err = readCapped(p.tile(wider), maxBundle); !errors.Is(err, fs.ErrNotExist) {
			return data, err
		}
	}
	return nil, err
}

// appendEntry adds an entry to a bundle.
func appendEntry(bundle, entry []byte) []byte {
	bundle = binary.BigEndian.AppendUint16(bundle, uint16(len(entry)))
	return append(bundle, entry...)
}

// nextEntry splits the first entry off a bundle.
func nextEntry(bundle []byte) (entry, rest []byte, err error) {
	if len(bundle) < 2 {
		return nil, nil, errors.New("bundle ends within a length")
	}
	n := int(binary.BigEndian.Uint16(bundle))
	bundle = bundle[2:]
	if len(bundle) < n {
		return nil, nil, fmt.Errorf("bundle ends within an entry of %d bytes", n)
	}
	return bundle[:n:n], bundle[n:], nil
}

// parseBundle returns the entries of a bundle that must hold width of them.
func parseBundle(bundle []byte, width int) ([][]byte, error) {
	entries := make([][]byte, 0, width)
	for len(bundle) > 0 {
		entry, rest, err := nextEntry(bundle)
		if err != nil {
			return nil, err
		}
		if len(entries) == width {
			return nil, fmt.Errorf("bundle has more than %d entries", width)
		}
		entries, bundle = append(entries, entry), rest
	}
	if len(entries) < width {
		return nil, fmt.Errorf("bundle has %d entries instead of %d", len(entries), width)
	}
	return entries, nil
}

// cutBundle returns the part of a bundle that holds its first width entries.
func cutBundle(bundle []byte, width int) ([]byte, error) {
	rest := bundle
	for range width {
		var err error
		if _, rest, err = nextEntry(rest); err != nil {
			return nil, err
		}
	}
	return bundle[:len(bundle)-len(rest)], nil
}
