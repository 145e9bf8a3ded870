package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"memgraph-controller/internal/cluster"
)

// Fault names what is broken in every run.
type Fault string

// The faults.
const (
	Crash      Fault = "crash"       // MAIN's process is killed
	Pause      Fault = "pause"       // MAIN's process hangs, and goes on after writes have resumed
	Leader     Fault = "leader"      // the leading controller dies without giving up its lease
	LeaderMain Fault = "leader+main" // both at once
)

// Faults lists them all.
func Faults() []Fault { return []Fault{Crash, Pause, Leader, LeaderMain} }

// ParseFault reads the name of a fault.
func ParseFault(s string) (Fault, error) {
	if slices.Contains(Faults(), Fault(s)) {
		return Fault(s), nil
	}
	return "", fmt.Errorf("fault %q: want crash, pause, leader or leader+main", s)
}

// leader and main tell what a fault strikes.
func (f Fault) leader() bool { return f == Leader || f == LeaderMain }
func (f Fault) main() bool   { return f != Leader }

// Door is the read/write gateway of one living controller replica.
type Door struct {
	Replica int
	Addr    string // host:port
	Leads   bool
}

// Cluster is the sandbox that is put to the test.
type Cluster interface {
	Doors() []Door                 // of the replicas that live
	Nodes() []string               // each node's own Bolt address, by Ordinal
	Main() (cluster.Ordinal, bool) // of the reign that serves, false if none does
	Epoch() cluster.Epoch
	Lacks() string // what is missing until the cluster is fully redundant, "" if nothing

	Kill(cluster.Ordinal) error
	Pause(cluster.Ordinal) error
	Resume(cluster.Ordinal) error          // nil also if the process has been replaced
	CrashLeader() (replica int, err error) // abruptly, its lease not released
	Replace(replica int) error             // start another one in its place
}

// Options say what to do how often. All but Dial, Read and Progress are required.
type Options struct {
	Fault   Fault
	Runs    int
	Writers int

	Dial     func(addr string) (Writer, error)                             // nil: the function Dial
	Read     func(ctx context.Context, addr string) (map[int64]int, error) // nil: the function Read
	Progress io.Writer                                                     // nil: none
}

// Bounds of one run. What takes longer has failed.
const (
	healTimeout   = 60 * time.Second
	resumeTimeout = 60 * time.Second
	warmUp        = 300 * time.Millisecond // plus up to as much again, so that faults strike at any moment
	aftermath     = time.Second            // of writing after writes have resumed, and after what was paused goes on
)

// Report is the result; it prints as one line of JSON, whose first eight keys
// others read in this order.
type Report struct {
	Fault Fault `json:"fault"`
	Runs  int   `json:"runs"` // that healed
	// WritesResumed is the time from the fault to the first acknowledgement of a
	// write begun after it. The death of a leader alone stops no writes; there it
	// is MaxGap, what any one writer had to wait at most.
	WritesResumed Quantiles `json:"writes_resumed_ms"`
	Acked         int       `json:"acked"`
	Lost          int       `json:"lost"`
	Unknown       int       `json:"unknown"`
	Dup           int       `json:"dup"`
	Promotions    uint64    `json:"promotions"`

	Refused      int       `json:"refused"`
	RefusedFound int       `json:"refused_found"` // refused, yet on a node
	Unequal      int       `json:"unequal"`       // ids that not all nodes have equally often
	ClientErrors int       `json:"client_errors"` // attempts that were not acknowledged
	MaxGap       Quantiles `json:"max_gap_ms"`    // the longest wait of any one writer
	Healed       Quantiles `json:"healed_ms"`     // from the end of a run's writes until fully redundant
	Writers      int       `json:"writers"`
	Problem      string    `json:"problem,omitempty"` // why the bench ended early
}

// Passed reports whether nothing was lost, doubled or contradicted, and every
// run healed.
func (r Report) Passed() bool {
	return r.Problem == "" && r.Lost == 0 && r.Dup == 0 && r.Unequal == 0 && r.RefusedFound == 0
}

// harness is one bench in progress.
type harness struct {
	c   Cluster
	o   Options
	ids atomic.Int64

	attempts              []Attempt
	resumed, gaps, healed []time.Duration
}

// Failover breaks c again and again under writes. The Report is complete as far
// as it goes even with an error, which says why the bench could not go on.
func Failover(ctx context.Context, c Cluster, o Options) (Report, error) {
	if o.Runs < 1 || o.Writers < 1 {
		return Report{}, fmt.Errorf("bench: %d runs with %d writers: want at least one of each", o.Runs, o.Writers)
	}
	if o.Dial == nil {
		o.Dial = Dial
	}
	if o.Read == nil {
		o.Read = Read
	}
	if o.Progress == nil {
		o.Progress = io.Discard
	}
	h := &harness{c: c, o: o}
	if _, err := h.heal(ctx); err != nil {
		return Report{Fault: o.Fault, Writers: o.Writers, Problem: err.Error()}, err
	}
	epoch := c.Epoch()
	var problem error
	for run := 1; run <= o.Runs && problem == nil; run++ {
		if problem = h.run(ctx, run); problem != nil {
			problem = fmt.Errorf("run %d of %d: %w", run, o.Runs, problem)
		}
	}
	verdict, err := h.verify(ctx)
	if err != nil {
		problem = errors.Join(problem, err)
	}
	return h.report(verdict, uint64(c.Epoch()-epoch), problem), problem
}

func (h *harness) report(v Verdict, promotions uint64, problem error) Report {
	r := Report{
		Fault: h.o.Fault, Runs: len(h.healed), Writers: h.o.Writers,
		WritesResumed: Summarize(h.resumed), MaxGap: Summarize(h.gaps), Healed: Summarize(h.healed),
		Acked: v.Acked, Refused: v.Refused, Unknown: v.Unknown, ClientErrors: v.Refused + v.Unknown,
		Lost: len(v.Lost), Dup: len(v.Dup), RefusedFound: len(v.Lies), Unequal: len(v.Unequal),
		Promotions: promotions,
	}
	if h.o.Fault == Leader {
		r.WritesResumed = r.MaxGap
	}
	if problem != nil {
		r.Problem = strings.ReplaceAll(problem.Error(), "\n", "; ")
	}
	return r
}

// say tells a person how the bench goes on, who may have stopped listening.
func (h *harness) say(format string, args ...any) {
	_, _ = fmt.Fprintf(h.o.Progress, format, args...)
}

// heal waits until the cluster is fully redundant and returns how long that took.
func (h *harness) heal(ctx context.Context) (time.Duration, error) {
	began := time.Now()
	for {
		lacks := h.c.Lacks()
		took := time.Since(began)
		switch {
		case lacks == "":
			return took, nil
		case took > healTimeout:
			return took, fmt.Errorf("not healed within %s: %s", healTimeout, lacks)
		case ctx.Err() != nil:
			return took, context.Cause(ctx)
		}
		pause(ctx, 20*time.Millisecond)
	}
}

// run is one fault under writes, from a whole cluster to a whole cluster.
func (h *harness) run(ctx context.Context, number int) error {
	crew := newCrew(&h.ids)
	if err := h.hire(ctx, crew); err != nil {
		return errors.Join(err, h.keep(crew, nil))
	}
	if err := h.warm(ctx, crew); err != nil {
		return errors.Join(err, h.keep(crew, nil))
	}
	wound, err := h.strike()
	if err == nil {
		err = h.survive(ctx, crew, wound)
	}
	err = errors.Join(err, wound.close(h.c), h.keep(crew, wound))
	if err != nil {
		return err
	}
	healed, err := h.heal(ctx)
	if err != nil {
		return err
	}
	h.healed = append(h.healed, healed)
	h.say("run %d of %d: %s: writes resumed after %s, longest wait %s (over after %s); whole again %s later\n",
		number, h.o.Runs, wound, round(last(h.resumed)), round(last(h.gaps)), round(wound.over), round(last(h.healed)))
	return nil
}

func last(ds []time.Duration) time.Duration { return ds[len(ds)-1] }
func round(d time.Duration) time.Duration   { return d.Round(time.Millisecond) }

// hire puts writers to work, spread over the doors this fault leaves standing.
func (h *harness) hire(ctx context.Context, crew *crew) error {
	doors := h.c.Doors()
	if h.o.Fault.leader() {
		doors = slices.DeleteFunc(doors, func(d Door) bool { return d.Leads })
	}
	if len(doors) == 0 {
		return errors.New("no gateway would outlive this fault")
	}
	for i := range h.o.Writers {
		w, err := h.o.Dial(doors[i%len(doors)].Addr)
		if err != nil {
			return err
		}
		crew.start(ctx, i, w)
	}
	return nil
}

// warm waits until every writer has written, and a random moment longer.
func (h *harness) warm(ctx context.Context, crew *crew) error {
	wait, cancel := context.WithTimeoutCause(ctx, resumeTimeout, errors.New("the writers cannot write even before the fault"))
	defer cancel()
	err := crew.await(wait, func(attempts []Attempt) bool {
		wrote := map[int]bool{}
		for _, a := range attempts {
			if a.Outcome == Acked {
				wrote[a.Writer] = true
			}
		}
		return len(wrote) == h.o.Writers
	})
	if err != nil {
		return err
	}
	pause(ctx, warmUp+rand.N(warmUp))
	return ctx.Err()
}

// keep dismisses the crew and keeps what it has done.
func (h *harness) keep(crew *crew, wound *wound) error {
	attempts := crew.dismiss()
	end := time.Now()
	h.attempts = append(h.attempts, attempts...)
	for text, n := range crew.errs {
		h.say("  clients saw %d×: %s\n", n, text)
	}
	if wound == nil || wound.blow.After.IsZero() {
		return nil
	}
	resumed, ok := Resumed(attempts, wound.blow)
	if !ok {
		return errors.New("no write that was begun after the fault was acknowledged")
	}
	h.resumed = append(h.resumed, resumed)
	gap, over := LongestGap(attempts, wound.blow, end)
	h.gaps, wound.over = append(h.gaps, gap), over
	return nil
}
