package bolt

import (
	"encoding/binary"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// magic opens every Bolt connection.
const magic = 0x6060B017

// Version is a Bolt protocol version.
type Version struct{ Major, Minor byte }

// String returns the version as people write it.
func (v Version) String() string { return fmt.Sprintf("%d.%d", v.Major, v.Minor) }

// release is a version of Memgraph, without its patch level.
type release struct{ major, minor int }

// newest stands for the latest release known.
var newest = release{3, 12}

// parseRelease reads "3.12.0" or "v3.9"; anything else means newest.
func parseRelease(s string) release {
	major, rest, _ := strings.Cut(strings.TrimPrefix(s, "v"), ".")
	minor, _, _ := strings.Cut(rest, ".")
	a, err1 := strconv.Atoi(major)
	b, err2 := strconv.Atoi(minor)
	if err1 != nil || err2 != nil {
		return newest
	}
	return release{a, b}
}

// atLeast reports whether r is the given release or later.
func (r release) atLeast(other release) bool {
	return r.major > other.major || r.major == other.major && r.minor >= other.minor
}

// speaks reports whether a Memgraph of this release speaks v.
func (r release) speaks(v Version) bool {
	switch v {
	case Version{1, 0}, Version{4, 0}, Version{4, 1}, Version{4, 3}, Version{5, 2}:
		return true
	case Version{4, 4}:
		return r.atLeast(release{3, 12})
	}
	return false
}

// choose returns the first version of the client's four proposals that r
// speaks. A proposal is 0, range, minor, major: that minor and range below.
func (r release) choose(proposals [16]byte) (Version, bool) {
	for i := 0; i < len(proposals); i += 4 {
		span, minor, major := proposals[i+1], proposals[i+2], proposals[i+3]
		for back := byte(0); back <= min(span, minor); back++ {
			if v := (Version{major, minor - back}); r.speaks(v) {
				return v, true
			}
			if back == 255 {
				break
			}
		}
	}
	return Version{}, false
}

// shakeHands negotiates the version. The error wraps errGarbage when the peer
// does not speak Bolt, or none of r's versions.
func (t *transport) shakeHands(r release) (Version, error) {
	var opening [20]byte
	if _, err := io.ReadFull(t.r, opening[:4]); err != nil {
		return Version{}, err
	}
	if binary.BigEndian.Uint32(opening[:]) != magic {
		return Version{}, fmt.Errorf("%w: opening % X", errGarbage, opening[:4])
	}
	if _, err := io.ReadFull(t.r, opening[4:]); err != nil {
		return Version{}, err
	}
	v, ok := r.choose([16]byte(opening[4:]))
	if !ok {
		return Version{}, fmt.Errorf("%w: no common version in proposals % X", errGarbage, opening[4:])
	}
	_, err := t.w.Write([]byte{0, 0, v.Minor, v.Major})
	return v, err
}
