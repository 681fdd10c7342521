package audit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"golang.org/x/mod/sumdb/tlog"
)

// add takes the next intact entry, wherever it was found.
func (v *verification) add(entry []byte) {
	index := v.tree.size
	leaf := tlog.RecordHash(entry)
	if index >= v.journal.start && index < v.Published {
		v.overlap[index] = leaf
	}
	v.bundle = appendEntry(v.bundle, entry)
	_ = v.tree.add(leaf, func(t tlog.Tile, data []byte) error {
		v.compare(t, data)
		return nil
	})
	if v.tree.size%tileWidth == 0 {
		v.compare(tlog.Tile{H: tileHeight, L: entriesLevel, N: int64(index / tileWidth), W: tileWidth}, v.bundle)
		v.bundle = v.bundle[:0]
	}
	if r, err := decodeRecord(entry); err != nil {
		v.problem("entry %d: %v", index, err)
		v.ledger.size++
	} else if odd := v.ledger.add(r); odd != "" {
		v.problem("entry %d: %s", index, odd)
	}
	v.checkAgainst()
	v.checkStored()
}

// compare checks all files of a tile, whole and partial, with what the entries
// say it is; data is as wide as the tile. Wider files stay to be accounted for.
func (v *verification) compare(t tlog.Tile, data []byte) {
	var wider []int
	for _, w := range v.files[place(t)] {
		if w > t.W {
			wider = append(wider, w)
			continue
		}
		part := t
		part.W = w
		path := v.paths.tile(part)
		want, err := v.prefix(t, w, data)
		if err != nil {
			v.problem("%s: %v", path, err)
			continue
		}
		got, err := readCapped(path, maxBundle)
		if errors.Is(err, fs.ErrNotExist) && w < tileWidth && (!v.needed(part) || v.superseded()) {
			continue // an old partial one, removed while the log runs
		}
		if err != nil {
			v.problem("%s: %v", path, err)
		} else if !bytes.Equal(got, want) {
			v.problem("%s is not what the entries say", path)
		}
	}
	delete(v.files, place(t))
	if wider != nil {
		v.files[place(t)] = wider
	}
}

// place is a tile without its width.
func place(t tlog.Tile) tlog.Tile {
	t.W = 0
	return t
}

func (v *verification) prefix(t tlog.Tile, w int, data []byte) ([]byte, error) {
	if t.L == entriesLevel {
		return cutBundle(data, w)
	}
	return data[:w*tlog.HashSize], nil
}

// needed reports whether the checkpoint can't be followed without a tile.
func (v *verification) needed(t tlog.Tile) bool {
	level := max(t.L, 0)
	width := v.Published >> (tileHeight * level)
	return uint64(t.N) == width/tileWidth && uint64(t.W) == width%tileWidth
}

// superseded reports whether the log has published a larger tree meanwhile. Then
// wider tiles have replaced the partial ones of the tree that is verified.
func (v *verification) superseded() bool {
	signed, err := readCapped(v.paths.checkpoint(), maxSmallFile)
	if err != nil {
		return false
	}
	size, _, err := v.key.openCheckpoint(signed)
	return err == nil && size > v.Published
}

// readBundles reads all published entries. It reports false if it could not.
func (v *verification) readBundles(ctx context.Context) (bool, error) {
	v.checkPresence()
	for v.tree.size < v.Published {
		if err := ctx.Err(); err != nil {
			return false, err
		}
		entries, err := v.paths.readBundle(v.tree.size/tileWidth, v.Published)
		if err != nil {
			v.problem("%v", err)
			return false, nil
		}
		for _, e := range entries {
			v.add(e)
		}
	}
	return true, nil
}

// checkPresence looks for the tiles that a tree of the published size has.
func (v *verification) checkPresence() {
	for _, t := range tlog.NewTiles(tileHeight, 0, int64(v.Published)) {
		kinds := []tlog.Tile{t}
		if t.L == 0 {
			bundle := t
			bundle.L = entriesLevel
			kinds = append(kinds, bundle)
		}
		for _, k := range kinds {
			widths := v.files[place(k)]
			if !slices.Contains(widths, k.W) && !slices.Contains(widths, tileWidth) && (k.W == tileWidth || !v.superseded()) {
				v.problem("%s is missing", tilePath(k))
			}
		}
	}
}

// checkEdge compares the files of unfinished tiles, and names those that cover
// entries which are nowhere.
func (v *verification) checkEdge() {
	for _, t := range v.tree.partials() {
		v.compare(t, v.tree.edges[t.L])
	}
	if w := int(v.tree.size % tileWidth); w > 0 {
		v.compare(tlog.Tile{H: tileHeight, L: entriesLevel, N: int64(v.tree.size / tileWidth), W: w}, v.bundle)
	}
	var extra []string
	for t, widths := range v.files {
		for _, w := range widths {
			t.W = w
			extra = append(extra, v.paths.tile(t))
		}
	}
	slices.Sort(extra)
	for _, path := range extra {
		v.problem("%s covers entries that the log does not have", path)
	}
}

// journalView is the journal's files, opened early so that trimming can't take
// them away.
type journalView struct {
	start uint64 // first index
	files []journalFile
}

type journalFile struct {
	first uint64
	f     *os.File
}

func (j *journalView) open(p paths) error {
	firsts, err := listSegments(p)
	if err != nil {
		return err
	}
	for _, first := range firsts {
		f, err := os.Open(p.segment(first))
		if err != nil {
			return err
		}
		j.files = append(j.files, journalFile{first, f})
	}
	if len(j.files) == 0 {
		return fmt.Errorf("%s is empty", p.journal())
	}
	j.start = j.files[0].first
	return nil
}

func (j *journalView) close() {
	for _, jf := range j.files {
		jf.f.Close()
	}
}

// readJournal checks every journal file, compares it with what is published,
// and takes the entries that are not.
func (v *verification) readJournal(ctx context.Context) error {
	if len(v.journal.files) > 0 && v.journal.start > v.Published {
		v.problem("the journal starts at entry %d, only %d are published", v.journal.start, v.Published)
		return nil
	}
	for i, next := 0, v.journal.start; i < len(v.journal.files); i++ {
		jf := v.journal.files[i]
		path := v.paths.segment(jf.first)
		if jf.first != next {
			v.problem("%s: the file before ends at entry %d", path, next)
			return nil
		}
		res, err := scanSegment(jf.f, jf.first, func(fm frame) error {
			v.journaled(fm)
			return ctx.Err()
		})
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			v.problem("%s: %v", path, err)
			return nil
		}
		if res.bad != nil {
			v.problem("%s: entry %d, at byte %d: %v", path, res.next, res.end, res.bad)
			return nil
		}
		next = res.next
		if i == len(v.journal.files)-1 {
			if next < v.Published {
				v.problem("the journal ends at entry %d, %d are published", next, v.Published)
			}
			v.journal.extend(v.paths, next)
		}
	}
	return nil
}

// extend opens the segment that a running log has begun since.
func (j *journalView) extend(p paths, first uint64) {
	if last := j.files[len(j.files)-1].first; last == first {
		return
	}
	if f, err := os.Open(p.segment(first)); err == nil {
		j.files = append(j.files, journalFile{first, f})
	}
}

func (v *verification) journaled(fm frame) {
	if fm.index == v.tree.size {
		v.add(fm.entry)
		return
	}
	if leaf, ok := v.overlap[fm.index]; ok && leaf != tlog.RecordHash(fm.entry) {
		v.problem("entry %d is another one in the journal than in the tiles", fm.index)
	}
}
