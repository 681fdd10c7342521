package audit

import (
	"fmt"
	"slices"

	"golang.org/x/mod/sumdb/tlog"
)

// tileHeight and tileWidth are fixed by c2sp.org/tlog-tiles.
const (
	tileHeight = 8
	tileWidth  = 1 << tileHeight
)

// tree is a Merkle tree of which only the right edge is kept: at each level
// the tile that is not full yet. That is enough to grow it.
type tree struct {
	size  uint64
	edges [][]byte // by tile level; concatenated hashes, fewer than tileWidth
}

func (t *tree) clone() tree {
	c := tree{size: t.size, edges: make([][]byte, len(t.edges))}
	for i, e := range t.edges {
		c.edges[i] = slices.Clone(e)
	}
	return c
}

// add appends a leaf and calls full for each tile that it completes, lowest
// level first.
func (t *tree) add(leaf tlog.Hash, full func(tile tlog.Tile, data []byte) error) error {
	t.size++
	for level := 0; ; level++ {
		if level == len(t.edges) {
			t.edges = append(t.edges, nil)
		}
		t.edges[level] = append(t.edges[level], leaf[:]...)
		data := t.edges[level]
		if len(data) < tileWidth*tlog.HashSize {
			return nil
		}
		tile := tlog.Tile{H: tileHeight, L: level, N: int64(t.size>>(tileHeight*(level+1))) - 1, W: tileWidth}
		if err := full(tile, data); err != nil {
			return err
		}
		leaf = subtreeHash(data)
		t.edges[level] = nil
	}
}

// partials returns the tiles of the right edge.
func (t *tree) partials() []tlog.Tile {
	var tiles []tlog.Tile
	for level, data := range t.edges {
		if len(data) > 0 {
			tiles = append(tiles, tlog.Tile{H: tileHeight, L: level, N: t.edgeNumber(level), W: len(data) / tlog.HashSize})
		}
	}
	return tiles
}

// edgeNumber is the number of the unfinished tile at a level.
func (t *tree) edgeNumber(level int) int64 { return int64(t.size >> (tileHeight * (level + 1))) }

// root returns the tree head.
func (t *tree) root() (tlog.Hash, error) {
	return tlog.TreeHash(int64(t.size), tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		hashes := make([]tlog.Hash, len(indexes))
		for i, x := range indexes {
			tile := tlog.TileForIndex(tileHeight, x)
			if tile.L >= len(t.edges) || tile.N != t.edgeNumber(tile.L) {
				return nil, fmt.Errorf("tree of size %d: hash %d is not on its edge", t.size, x)
			}
			data := t.edges[tile.L]
			tile.W = len(data) / tlog.HashSize
			h, err := tlog.HashFromTile(tile, data, x)
			if err != nil {
				return nil, err
			}
			hashes[i] = h
		}
		return hashes, nil
	}))
}

// subtreeHash is the hash above a full tile.
func subtreeHash(data []byte) tlog.Hash {
	if len(data) == tlog.HashSize {
		return tlog.Hash(data)
	}
	half := len(data) / 2
	return tlog.NodeHash(subtreeHash(data[:half]), subtreeHash(data[half:]))
}

// edgeTiles returns the coordinates of the unfinished tiles of a tree.
func edgeTiles(size uint64) []tlog.Tile {
	var tiles []tlog.Tile
	for level := 0; size>>(tileHeight*level) > 0; level++ {
		n := size >> (tileHeight * level)
		if w := int(n % tileWidth); w > 0 {
			tiles = append(tiles, tlog.Tile{H: tileHeight, L: level, N: int64(n >> tileHeight), W: w})
		}
	}
	return tiles
}
