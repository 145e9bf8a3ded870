//go:build linux

package judge

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The verdicts on a case.
const (
	Passed  = "passed"
	Failed  = "failed"
	Skipped = "skipped"
)

// Failure is one expectation that did not hold.
type Failure struct {
	What, Want, Got string
}

// Result is the verdict on one case against one version.
type Result struct {
	Version  string
	ID       string // as Case.ID
	Title    string
	Verdict  string
	Reason   string // why it was skipped
	Failures []Failure
	Steps    []string // what was done, in order
	Took     time.Duration
}

// Sort orders results by version (as first met in order), then by number.
func Sort(rs []Result, versions []string) {
	slices.SortStableFunc(rs, func(a, b Result) int {
		if d := slices.Index(versions, a.Version) - slices.Index(versions, b.Version); d != 0 {
			return d
		}
		return CompareIDs(a.ID, b.ID)
	})
}

// CompareIDs orders "2" before "10", "10" before "10b", and behaviours before
// field notes ("note 1").
func CompareIDs(a, b string) int {
	na, ia, sa := splitID(a)
	nb, ib, sb := splitID(b)
	switch {
	case na != nb:
		if na {
			return 1
		}
		return -1
	case ia != ib:
		return ia - ib
	default:
		return strings.Compare(sa, sb)
	}
}

func splitID(id string) (note bool, n int, rest string) {
	id, note = strings.CutPrefix(id, "note ")
	i := 0
	for i < len(id) && id[i] >= '0' && id[i] <= '9' {
		i++
	}
	n, _ = strconv.Atoi(id[:i])
	return note, n, id[i:]
}

// Table returns one line for each result, a section for each version, then the
// failures in full; with steps, every step of a failed case.
func Table(rs []Result, steps bool) string {
	w := &strings.Builder{}
	version := ""
	for _, r := range rs {
		if r.Version != version {
			version = r.Version
			fmt.Fprintf(w, "\nMemgraph %s\n", version)
		}
		line := fmt.Sprintf("  %-9s %-8s %6s  %s", r.ID, r.Verdict, seconds(r.Took), r.Title)
		if r.Reason != "" {
			line += " — skipped: " + r.Reason
		}
		fmt.Fprintln(w, line)
	}
	for _, r := range rs {
		if r.Verdict == Failed {
			explain(w, r, steps)
		}
	}
	return w.String()
}

func seconds(d time.Duration) string {
	return fmt.Sprintf("%.1fs", d.Seconds())
}

func explain(w *strings.Builder, r Result, steps bool) {
	fmt.Fprintf(w, "\nfailed: %s on %s: %s\n", r.ID, r.Version, r.Title)
	for _, f := range r.Failures {
		fmt.Fprintf(w, "  %s\n", f.What)
		if f.Want != "" {
			fmt.Fprintf(w, "    expected  %s\n", f.Want)
		}
		if f.Got != "" {
			fmt.Fprintf(w, "    got       %s\n", f.Got)
		}
	}
	done := r.Steps
	if !steps && len(done) > 6 {
		done = done[len(done)-6:]
		fmt.Fprintf(w, "  what was done (last 6 of %d steps, -v shows all):\n", len(r.Steps))
	} else {
		fmt.Fprintln(w, "  what was done:")
	}
	for _, s := range done {
		fmt.Fprintf(w, "    %s\n", s)
	}
}

// Summary returns the last line of the report and how many cases failed.
func Summary(rs []Result) (line string, failed int) {
	count := map[string]int{}
	for _, r := range rs {
		count[r.Verdict]++
	}
	line = fmt.Sprintf("contract passed=%d failed=%d skipped=%d", count[Passed], count[Failed], count[Skipped])
	return line, count[Failed]
}
