package audit

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
)

// A segment is one journal file, named by the index of its first record in 20
// digits. It starts with a magic number and that index. All but the last are
// complete and durable.
const (
	segmentMagic  = "ambitj1\n"
	segmentHeader = len(segmentMagic) + 8
	segmentDigits = 20
)

// maxSegmentFile bounds what is read as a segment: the rotation limit, what
// may be written past it until the next sync, and room.
const maxSegmentFile = 256 << 20

func segmentHead(first uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte(segmentMagic), first)
}

func (p paths) segment(first uint64) string {
	return filepath.Join(p.journal(), fmt.Sprintf("%0*d", segmentDigits, first))
}

// createSegment makes an empty, durable segment.
func createSegment(p paths, first uint64) error {
	return writeDurable(p.tmp(), p.segment(first), segmentHead(first))
}

// listSegments returns the first indexes of the segments in order.
func listSegments(p paths) ([]uint64, error) {
	entries, err := os.ReadDir(p.journal())
	if err != nil {
		return nil, err
	}
	var firsts []uint64
	for _, e := range entries {
		first, err := strconv.ParseUint(e.Name(), 10, 64)
		if err != nil || len(e.Name()) != segmentDigits {
			return nil, fmt.Errorf("%s: not a journal file; move it away", filepath.Join(p.journal(), e.Name()))
		}
		firsts = append(firsts, first)
	}
	slices.Sort(firsts)
	return firsts, nil
}

// checkSegmentHead reads and checks a segment's header.
func checkSegmentHead(r io.ReaderAt, first uint64) error {
	var head [segmentHeader]byte
	if _, err := r.ReadAt(head[:], 0); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if !bytes.Equal(head[:], segmentHead(first)) {
		return errors.New("its header is damaged")
	}
	return nil
}

// scanResult says how far a segment is intact.
type scanResult struct {
	next uint64 // index after the last intact record
	end  int64  // offset after it
	size int64  // of the file
	bad  error  // what stands at end, if not the end of the file
	// Valid records behind the bad bytes, and how many records they say were
	// durable.
	later        int
	laterDurable uint64
}

// scanSegment reads a segment and calls fn for each intact record.
func scanSegment(f *os.File, first uint64, fn func(frame) error) (scanResult, error) {
	st, err := f.Stat()
	if err != nil {
		return scanResult{}, err
	}
	if st.Size() > maxSegmentFile {
		return scanResult{}, fmt.Errorf("it has %d bytes, more than a journal file can have", st.Size())
	}
	if err := checkSegmentHead(f, first); err != nil {
		return scanResult{}, err
	}
	off := int64(segmentHeader)
	fr := newFrameReader(io.NewSectionReader(f, off, st.Size()-off), first, off)
	for {
		fm, err := fr.read()
		res := scanResult{next: fr.next, end: fr.off, size: st.Size()}
		if err == io.EOF {
			return res, nil
		}
		if errors.Is(err, errFrame) {
			res.bad = err
			rest := make([]byte, st.Size()-fr.off)
			if _, err := f.ReadAt(rest, fr.off); err != nil && err != io.EOF {
				return res, err
			}
			res.later, res.laterDurable = laterFrame(rest, fr.next)
			return res, nil
		}
		if err != nil {
			return res, err
		}
		if err := fn(fm); err != nil {
			return res, err
		}
	}
}
