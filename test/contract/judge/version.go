//go:build linux

package judge

import (
	"fmt"
	"strconv"
	"strings"
)

// Version is a server's release as SHOW VERSION tells it. Releases after the
// newest one recorded are "next": their failed SYNC writes are successes.
type Version struct {
	Major, Minor, Patch int
	Text                string // as the server said it
}

// ParseVersion reads "3.6.2", "2.19" or "3.12.0-something". The word "next"
// stands for a release after 3.12.
func ParseVersion(s string) (Version, error) {
	if s == "next" {
		return Version{Major: 3, Minor: 13, Text: s}, nil
	}
	core, _, _ := strings.Cut(s, "-")
	core, _, _ = strings.Cut(core, "+")
	v := Version{Text: s}
	parts := strings.Split(core, ".")
	if len(parts) < 2 || len(parts) > 3 {
		return Version{}, fmt.Errorf("version %q: want major.minor or major.minor.patch", s)
	}
	for i, p := range parts {
		n, err := strconv.Atoi(p)
		if err != nil || n < 0 {
			return Version{}, fmt.Errorf("version %q: %q is no number", s, p)
		}
		*[]*int{&v.Major, &v.Minor, &v.Patch}[i] = n
	}
	return v, nil
}

// AtLeast reports whether v is release major.minor or later.
func (v Version) AtLeast(major, minor int) bool {
	return v.Major > major || v.Major == major && v.Minor >= minor
}

// Below is the opposite of AtLeast.
func (v Version) Below(major, minor int) bool { return !v.AtLeast(major, minor) }

// Is reports whether v is exactly this release.
func (v Version) Is(major, minor, patch int) bool {
	return v.Major == major && v.Minor == minor && v.Patch == patch
}

// Recorded reports whether a real server of this release was recorded, so that
// texts and timings are known exactly.
func (v Version) Recorded() bool { return v.Is(3, 6, 2) || v.Is(3, 12, 0) }

// String returns the server's own word.
func (v Version) String() string { return v.Text }
