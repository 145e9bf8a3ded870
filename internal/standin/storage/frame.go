package storage

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
)

// A frame is length (4 bytes), checksum of the payload (4 bytes), payload. Logs and snapshots
// consist of frames.
const frameHead = 8

// maxFrame bounds what a reader believes.
const maxFrame = 1 << 30

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// errTorn says that a file ends within a frame or with a damaged one.
var errTorn = errors.New("torn or damaged frame")

func appendFrame(dst, payload []byte) []byte {
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(payload)))
	dst = binary.BigEndian.AppendUint32(dst, crc32.Checksum(payload, castagnoli))
	return append(dst, payload...)
}

// frames reads frames from a stream of which limit bytes count.
type frames struct {
	in   *bufio.Reader
	left int64 // bytes not read yet
	good int64 // bytes of whole frames read
}

func readFrames(r io.Reader, limit int64) *frames {
	return &frames{in: bufio.NewReaderSize(io.LimitReader(r, limit), 1<<16), left: limit}
}

// next returns the next payload, io.EOF at a clean end, or errTorn.
func (f *frames) next() ([]byte, error) {
	if f.left == 0 {
		return nil, io.EOF
	}
	var head [frameHead]byte
	if _, err := io.ReadFull(f.in, head[:]); err != nil {
		return nil, torn(err)
	}
	size := int64(binary.BigEndian.Uint32(head[:4]))
	if size > maxFrame || size > f.left-frameHead {
		return nil, errTorn
	}
	payload := make([]byte, size)
	if _, err := io.ReadFull(f.in, payload); err != nil {
		return nil, torn(err)
	}
	if crc32.Checksum(payload, castagnoli) != binary.BigEndian.Uint32(head[4:]) {
		return nil, errTorn
	}
	f.left -= frameHead + size
	f.good += frameHead + size
	return payload, nil
}

func torn(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errTorn
	}
	return fmt.Errorf("read frame: %w", err)
}

// syncDir makes the names in a directory durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("sync directory: %w", err)
	}
	defer d.Close()
	if err := d.Sync(); err != nil {
		return fmt.Errorf("sync directory %s: %w", dir, err)
	}
	return nil
}
