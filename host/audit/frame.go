package audit

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
)

// A frame is one record in the journal, all numbers big-endian:
//
//	length  uint32  of the entry
//	crc     uint32  CRC-32C of everything else in the frame
//	index   uint64  of the record
//	durable uint64  how many records were durable when this one was written
//	entry   the record as JSON
//
// The index keeps stale bytes from passing for a record. The durable count
// tells damage from a crash: an unreadable frame is the work of a crash unless
// a later one says that it had been durable.
const frameHeader = 4 + 4 + 8 + 8

// crcTable is never written.
var crcTable = crc32.MakeTable(crc32.Castagnoli)

// errFrame is the error of bytes that are no frame.
var errFrame = errors.New("no valid record")

// seal fills in the header of a frame whose entry is in place.
func seal(frame []byte, index, durable uint64) {
	binary.BigEndian.PutUint32(frame, uint32(len(frame)-frameHeader))
	binary.BigEndian.PutUint64(frame[8:], index)
	binary.BigEndian.PutUint64(frame[16:], durable)
	binary.BigEndian.PutUint32(frame[4:], frameCRC(frame))
}

func frameCRC(frame []byte) uint32 {
	return crc32.Update(crc32.Checksum(frame[:4], crcTable), crcTable, frame[8:])
}

// frame is a parsed frame. Its entry is valid until the next one is read.
type frame struct {
	index, durable uint64
	entry          []byte
	size           int // of the whole frame in the file
}

// parseFrame parses the frame that starts b and must have the given index.
func parseFrame(b []byte, index uint64) (frame, error) {
	if len(b) < frameHeader {
		return frame{}, fmt.Errorf("%w: %d bytes are too few", errFrame, len(b))
	}
	n := int(binary.BigEndian.Uint32(b))
	if n == 0 || n > maxEntry {
		return frame{}, fmt.Errorf("%w: impossible length %d", errFrame, n)
	}
	if len(b)-frameHeader < n {
		return frame{}, fmt.Errorf("%w: %d of %d bytes are there", errFrame, len(b)-frameHeader, n)
	}
	b = b[:frameHeader+n]
	if got := binary.BigEndian.Uint64(b[8:]); got != index {
		return frame{}, fmt.Errorf("%w: it has index %d instead of %d", errFrame, got, index)
	}
	if binary.BigEndian.Uint32(b[4:]) != frameCRC(b) {
		return frame{}, fmt.Errorf("%w: checksum mismatch", errFrame)
	}
	f := frame{index: index, durable: binary.BigEndian.Uint64(b[16:]), entry: b[frameHeader:], size: len(b)}
	if f.durable > index {
		return frame{}, fmt.Errorf("%w: it claims that %d records were durable before it", errFrame, f.durable)
	}
	return f, nil
}

// frameReader reads consecutive frames.
type frameReader struct {
	r    *bufio.Reader
	next uint64 // index of the next frame
	off  int64  // of the next frame in the file
	buf  []byte
}

func newFrameReader(r io.Reader, next uint64, off int64) *frameReader {
	return &frameReader{r: bufio.NewReaderSize(r, 128<<10), next: next, off: off}
}

// read returns the next frame, io.EOF at a clean end, or an error that wraps
// errFrame; off then is where the bad bytes start.
func (fr *frameReader) read() (frame, error) {
	head, err := fr.r.Peek(frameHeader)
	if len(head) == 0 && err == io.EOF {
		return frame{}, io.EOF
	}
	if err != nil && err != io.EOF {
		return frame{}, err
	}
	want := len(head)
	if len(head) == frameHeader {
		want += int(min(binary.BigEndian.Uint32(head), maxEntry))
	}
	if cap(fr.buf) < want {
		fr.buf = make([]byte, want, 2*want)
	}
	n, err := io.ReadFull(fr.r, fr.buf[:want])
	if err != nil && err != io.ErrUnexpectedEOF {
		return frame{}, err
	}
	f, err := parseFrame(fr.buf[:n], fr.next)
	if err != nil {
		return frame{}, err
	}
	fr.next++
	fr.off += int64(f.size)
	return f, nil
}

// laterFrame looks for a valid frame behind a bad one at the start of b, whose
// index was to be bad. It reports how many it found at least, and the highest
// durable count they state.
func laterFrame(b []byte, bad uint64) (found int, durable uint64) {
	for i := 1; i+frameHeader < len(b); {
		index := binary.BigEndian.Uint64(b[i+8:])
		if index <= bad || index-bad > uint64(len(b)) {
			i++
			continue
		}
		f, err := parseFrame(b[i:], index)
		if err != nil {
			i++
			continue
		}
		found++
		durable = max(durable, f.durable)
		i += f.size
	}
	return found, durable
}
