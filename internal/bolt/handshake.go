package bolt

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Magic are the first four bytes that a client sends.
var Magic = [4]byte{0x60, 0x60, 0xB0, 0x17}

// HelloSize is how many bytes a client sends before a server answers: the magic and four
// proposals.
const HelloSize = 20

// Version is a version of Bolt. The zero Version is none: the server refuses all that
// were proposed.
type Version struct{ Major, Minor byte }

// String returns e.g. "5.2".
func (v Version) String() string { return fmt.Sprintf("%d.%d", v.Major, v.Minor) }

// Understood reports whether the messages of v are those of this package.
func (v Version) Understood() bool {
	return v.Major == 4 && v.Minor >= 1 && v.Minor <= 4 || v.Major == 5 && v.Minor <= 8
}

// Logs reports whether credentials come in a LOGON after HELLO, not in it.
func (v Version) Logs() bool { return v.Major > 5 || v.Major == 5 && v.Minor >= 1 }

// manifest is what a client proposes, and a server answers, to negotiate by a list
// (Bolt 5.7).
var manifest = [4]byte{0x00, 0x00, 0x01, 0xFF}

// Proposals are the versions that a client proposes, best first.
type Proposals [HelloSize]byte

// Bolt reports whether p begins as Bolt does.
func (p Proposals) Bolt() bool { return [4]byte(p[:4]) == Magic }

// Only returns the proposal of v alone.
func Only(v Version) Proposals {
	var p Proposals
	copy(p[:], Magic[:])
	p[6], p[7] = v.Minor, v.Major
	return p
}

// Choose returns the best of the proposed versions that allowed accepts; the zero
// Version if it accepts none. A manifest is not chosen.
func (p Proposals) Choose(allowed func(Version) bool) Version {
	for at := 4; at < HelloSize; at += 4 {
		if [4]byte(p[at:at+4]) == manifest {
			continue
		}
		span, minor, major := p[at+1], p[at+2], p[at+3]
		for down := range int(min(span, minor)) + 1 {
			if v := (Version{major, minor - byte(down)}); allowed(v) && v != (Version{}) {
				return v
			}
		}
	}
	return Version{}
}

// Agreed reads the four bytes that a server answers to Proposals. listed says that it
// has answered with a manifest, whose list follows.
func Agreed(b [4]byte) (v Version, listed bool, err error) {
	switch {
	case b == manifest:
		return Version{}, true, nil
	case b[0] != 0 || b[1] != 0:
		return Version{}, false, fmt.Errorf("handshake answered with % x: want two zeros, the minor and the major version", b[:])
	}
	return Version{b[3], b[2]}, false, nil
}

// Answer returns what a server says that agrees on v.
func (v Version) Answer() [4]byte { return [4]byte{0, 0, v.Minor, v.Major} }

// errList is wrapped by errors of List.
var errList = errors.New("malformed list of versions")

// maxOffers bounds a server's list of versions.
const maxOffers = 64

// List reads a server's list of versions from the beginning of b, and returns how long it
// is; 0 if b does not hold it yet. Its form is: a count, as many ranges of four bytes,
// and a mask of capabilities; count and mask are numbers of seven bits a byte, the lowest
// first.
func List(b []byte) (int, error) {
	count, n := binary.Uvarint(b)
	if n < 0 || n > 0 && count > maxOffers {
		return 0, fmt.Errorf("%w: %d of them: want at most %d", errList, count, maxOffers)
	}
	if n == 0 {
		return unfinished(b)
	}
	n += 4 * int(count)
	if len(b) < n {
		return 0, nil
	}
	return mask(b, n)
}

// Choice reads what a client answers to a list, as List does: the version, and a mask.
func Choice(b []byte) (Version, int, error) {
	if len(b) < 4 {
		return Version{}, 0, nil
	}
	n, err := mask(b, 4)
	return Version{b[3], b[2]}, n, err
}

// mask reads the mask of capabilities that begins at b[from].
func mask(b []byte, from int) (int, error) {
	_, n := binary.Uvarint(b[from:])
	switch {
	case n < 0:
		return 0, fmt.Errorf("%w: the mask of capabilities is too long", errList)
	case n == 0:
		return unfinished(b[from:])
	}
	return from + n, nil
}

// unfinished is a number that may go on.
func unfinished(b []byte) (int, error) {
	if len(b) >= binary.MaxVarintLen64 {
		return 0, fmt.Errorf("%w: a number without an end", errList)
	}
	return 0, nil
}
