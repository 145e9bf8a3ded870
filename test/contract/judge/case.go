//go:build linux

// Package judge is the frame the contract cases hang in: what a case is, how
// it is run against its own cluster, how answers are compared with what was
// recorded, and how verdicts are printed.
//
// A judge compares and reports; it never repairs a cluster, never retries a
// statement and never turns a failed expectation into a skip.
package judge

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"memgraph-controller/test/contract/server"
)

// Case is one behaviour to be judged.
type Case struct {
	// ID is the number of the behaviour ("5", "5b") or of the field note
	// ("note 2").
	ID string
	// Title says what is true of a Memgraph, in one line.
	Title string
	// Notes are the field notes the case covers too.
	Notes []int
	// Applies tells for which versions the case holds; nil means every version
	// judged in full. Cases with Brief are judged on the other versions too.
	Applies func(Version) bool
	Brief   bool
	// Control means the case needs faults only the stand-in's control port has.
	Control bool
	// Long is about how long it takes; long cases start first.
	Long time.Duration
	// Run does it.
	Run func(t *T)
}

// Matches reports whether the number, the title or a note matches re.
func (c Case) Matches(re *regexp.Regexp) bool {
	return re.MatchString(c.ID) || re.MatchString(c.FullTitle())
}

// FullTitle is the title with the field notes it covers.
func (c Case) FullTitle() string {
	if len(c.Notes) == 0 {
		return c.Title
	}
	s := make([]string, len(c.Notes))
	for i, n := range c.Notes {
		s[i] = "note " + strconv.Itoa(n)
	}
	return c.Title + " [" + strings.Join(s, ", ") + "]"
}

// Subject is what is judged: one program at one version.
type Subject struct {
	Host    *server.Host
	Label   string // version asked for, or "real" until known
	Version Version
	Full    bool // every case, not only the brief ones
	Faults  Faults
}

// Faults injects what only a debugger or a power cut could. A nil Faults means
// there is no control port. Cutting links needs none, see server.Node.Cut.
type Faults interface {
	// Crash makes the node die by itself at the named moment of its next commit
	// or promotion.
	Crash(ctx context.Context, n *server.Node, p Point) error
	// LoseFinalize makes the main's next FinalizeCommit vanish.
	LoseFinalize(ctx context.Context, main *server.Node) error
	// PowerLoss ends the node as a power cut would: what was not fsynced is gone.
	PowerLoss(ctx context.Context, n *server.Node) error
}

// Point names a moment at which a server can be made to die.
type Point string

// The moments of a commit and of a promotion.
const (
	AfterWAL       Point = "after-wal-append"
	AfterShip      Point = "after-ship"
	BeforeFinalize Point = "before-finalize" // after the main's own commit
	AfterFinalize  Point = "after-finalize"
	AfterPromotion Point = "after-promotion"
)

// NeedsControl is why a case is skipped on a real server.
const NeedsControl = "needs the stand-in's control port"

// wanted reports whether the case is judged on s at all.
func (c Case) wanted(s *Subject) bool {
	if !s.Full && !c.Brief {
		return false
	}
	return c.Applies == nil || c.Applies(s.Version)
}

// Select returns the cases to be judged on s whose number or title matches re.
func Select(all []Case, s *Subject, re *regexp.Regexp) []Case {
	var out []Case
	for _, c := range all {
		if c.wanted(s) && (re == nil || c.Matches(re)) {
			out = append(out, c)
		}
	}
	return out
}

// Check reports a mistake in the list of cases: a missing or repeated field.
func Check(all []Case) error {
	seen := map[string]bool{}
	for _, c := range all {
		key := strings.ToLower(c.ID)
		if c.ID == "" || c.Title == "" || c.Run == nil {
			return fmt.Errorf("case %q %q: number, title and body are required", c.ID, c.Title)
		}
		if seen[key] {
			return fmt.Errorf("case %q: the number is used twice", c.ID)
		}
		seen[key] = true
	}
	return nil
}
