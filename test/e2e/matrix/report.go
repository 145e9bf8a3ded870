package matrix

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"text/tabwriter"
	"time"

	"memgraph-controller/internal/sandbox/bench"
	"memgraph-controller/test/e2e/register"
)

// Line is what is printed of the runs of one combination, as JSON.
type Line struct {
	Fault string    `json:"fault"`
	Load  Situation `json:"load"`
	Runs  int       `json:"runs"` // that were judged
	Acked int       `json:"acked"`
	// Lost counts acknowledged writes that were not on every node at the end.
	Lost    int `json:"lost"`
	Unknown int `json:"unknown"`
	// Unavailable is the longest wait of any writer in each run; null when idle.
	Unavailable *bench.Quantiles `json:"unavailable_ms"`
	// Healed is the median time from the end of the fault to full redundancy, in
	// seconds, of the runs that got there.
	Healed float64 `json:"healed_s"`
	// Diverged counts runs at whose end nodes held different things, or what was
	// refused, or something twice.
	Diverged     int                   `json:"diverged"`
	Linearizable register.Linearizable `json:"linearizable"`

	Refused  int    `json:"refused"`
	Unhealed int    `json:"unhealed"`          // runs that did not end with a whole release that takes writes
	Errors   int    `json:"errors"`            // runs that failed for the harness's sake
	Skipped  string `json:"skipped,omitempty"` // why there are no runs
}

// JSON is the line as it is printed.
func (l Line) JSON() string {
	b, err := json.Marshal(l)
	if err != nil {
		panic(fmt.Sprintf("encode a line of numbers: %v", err)) // cannot fail
	}
	return string(b)
}

// Tally is the samples of some runs.
type Tally struct {
	runs, acked, lost, unknown, refused, errors int
	diverged, unhealed, nonlinear               int
	linearizable                                register.Linearizable
	waits, healed                               []time.Duration
}

// Add counts a run. Of one with an error that is the harness's only what the release
// did wrong counts.
func (t *Tally) Add(s Sample, err error) {
	if err != nil {
		t.errors++
	}
	if err != nil && len(s.Findings) == 0 {
		return
	}
	t.runs++
	t.acked, t.lost, t.unknown, t.refused = t.acked+s.Acked, t.lost+s.Lost, t.unknown+s.Unknown, t.refused+s.Refused
	t.linearizable = t.linearizable.Worse(s.Registers.Linearizable)
	for k, n := range map[kind]*int{diverged: &t.diverged, unhealed: &t.unhealed, nonlinear: &t.nonlinear} {
		if s.has(k) {
			*n++
		}
	}
	if s.Wait != nil {
		t.waits = append(t.waits, *s.Wait)
	}
	if s.Healed != nil {
		t.healed = append(t.healed, *s.Healed)
	}
}

// Line sums up.
func (t *Tally) Line(c Combination) Line {
	l := Line{
		Fault: c.Fault.Name, Load: c.Situation, Runs: t.runs, Acked: t.acked, Lost: t.lost, Unknown: t.unknown, Refused: t.refused,
		Healed: seconds(bench.Summarize(t.healed).P50), Diverged: t.diverged, Linearizable: t.linearizable.Worse(""), Unhealed: t.unhealed, Errors: t.errors,
	}
	if l.Linearizable == "" {
		l.Linearizable = register.Unknown
	}
	if len(t.waits) > 0 {
		q := bench.Summarize(t.waits)
		l.Unavailable = &q
	}
	return l
}

// seconds of milliseconds, to the tenth.
func seconds(ms float64) float64 { return math.Round(ms/100) / 10 }

// Summary is all runs, by fault.
type Summary struct {
	order []string
	by    map[string]*Tally
}

// Add counts a run of a fault. Faults are shown in the order in which they came
// first.
func (s *Summary) Add(fault string, sample Sample, err error) {
	if s.by == nil {
		s.by = map[string]*Tally{}
	}
	if s.by[fault] == nil {
		s.by[fault] = &Tally{}
		s.order = append(s.order, fault)
	}
	s.by[fault].Add(sample, err)
}

// Table prints a row a fault.
func (s *Summary) Table(w io.Writer) {
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(out, "fault\truns\tacknowledged\tlost\tunknown\tno writes ms p50\tp99\tmax\twhole after s p50\tmax\tdiverged\tunhealed\tlinearizable\t")
	for _, name := range s.order {
		t := s.by[name]
		linear := t.linearizable.Worse("")
		if linear == "" {
			linear = register.Unknown
		}
		wait, healed := bench.Summarize(t.waits), bench.Summarize(t.healed)
		fmt.Fprintf(out, "%s\t%d\t%d\t%d\t%d\t%.0f\t%.0f\t%.0f\t%.1f\t%.1f\t%d\t%d\t%s\t\n", name, t.runs, t.acked, t.lost, t.unknown,
			wait.P50, wait.P99, wait.Max, seconds(healed.P50), seconds(healed.Max), t.diverged, t.unhealed, linear)
	}
	_ = out.Flush() // nobody is left to tell when the terminal is gone
}

// total adds up all faults.
func (s *Summary) total() Tally {
	var sum Tally
	for _, t := range s.by {
		sum.runs, sum.lost, sum.diverged, sum.unhealed = sum.runs+t.runs, sum.lost+t.lost, sum.diverged+t.diverged, sum.unhealed+t.unhealed
		sum.nonlinear, sum.errors = sum.nonlinear+t.nonlinear, sum.errors+t.errors
	}
	return sum
}

// String is the last line.
func (s *Summary) String() string {
	t := s.total()
	return fmt.Sprintf("faults=%d runs=%d lost=%d diverged=%d unhealed=%d nonlinear=%d errors=%d",
		len(s.order), t.runs, t.lost, t.diverged, t.unhealed, t.nonlinear, t.errors)
}

// Failed reports whether the release did anything wrong.
func (s *Summary) Failed() bool {
	t := s.total()
	return t.lost+t.diverged+t.unhealed+t.nonlinear > 0
}

// Erred reports whether a run failed for the harness's sake, or there was none.
func (s *Summary) Erred() bool {
	t := s.total()
	return t.errors > 0 || t.runs == 0
}

// Describe lists all faults and where they are run, for people.
func Describe(w io.Writer) {
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, f := range Faults() {
		var in []string
		for _, l := range Situations() {
			if (Combination{f, l}).makesSense() {
				in = append(in, string(l))
			}
		}
		fmt.Fprintf(out, "  %s\t%s\t%s\n", f.Name, f.What, without(in, "idle", "write"))
	}
	_ = out.Flush() // as above
}

// without lists the rest of some names.
func without(names []string, known ...string) string {
	rest := slices.DeleteFunc(names, func(n string) bool { return slices.Contains(known, n) })
	if len(rest) == 0 {
		return ""
	}
	return fmt.Sprintf("%s", rest)
}
