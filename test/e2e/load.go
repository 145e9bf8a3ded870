package e2e

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"time"

	"memgraph-controller/internal/sandbox/bench"
)

const (
	attemptTimeout = 15 * time.Second      // longer than any hold, so that the answer is the cluster's
	rhythm         = 15 * time.Millisecond // between two writes of a client
)

// Load is clients that write through a release's gateway until they are stopped,
// each on a connection of its own.
type Load struct {
	r    *Release
	door *relay
	end  chan struct{}
	work sync.WaitGroup

	mu       sync.Mutex
	attempts []bench.Attempt
	errs     map[string]int
}

// noise is the addresses on this host and the deadlines in the driver's errors.
var noise = regexp.MustCompile(` ?\[*127\.0\.0\.1:\d+(->127\.0\.0\.1:\d+)?\]*:?| \[server-side timeout hint[^]]*\]`)

// Write puts n clients to work and returns when each has written.
func (r *Release) Write(ctx context.Context, n int) (*Load, error) {
	door, err := r.Place.relay(ctx, r.Gateway())
	if err != nil {
		return nil, err
	}
	l := &Load{r: r, door: door, end: make(chan struct{}), errs: map[string]int{}}
	for number := range n {
		w, err := bench.Dial(door.addr())
		if err != nil {
			l.Stop()
			return nil, err
		}
		l.work.Go(func() {
			defer func() { _ = w.Close(context.WithoutCancel(ctx)) }()
			l.client(ctx, number, w)
		})
	}
	err = Until(ctx, time.Minute, "every client to write", func(context.Context) error {
		wrote := map[int]bool{}
		for _, a := range l.Attempts() {
			wrote[a.Writer] = wrote[a.Writer] || a.Outcome == bench.Acked
		}
		for number := range n {
			if !wrote[number] {
				return fmt.Errorf("client %d has not: %s", number, l.Errors())
			}
		}
		return nil
	})
	if err != nil {
		l.Stop()
		return nil, err
	}
	return l, nil
}

// client writes new ids, each once.
func (l *Load) client(ctx context.Context, number int, w bench.Writer) {
	tick := time.NewTicker(rhythm)
	defer tick.Stop()
	for {
		select {
		case <-l.end:
			return
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		a := bench.Attempt{ID: l.r.ids.Add(1), Writer: number, Begin: time.Now()}
		deadline, cancel := context.WithTimeout(ctx, attemptTimeout)
		err := w.Write(deadline, a.ID)
		cancel()
		a.End, a.Outcome = time.Now(), bench.Classify(err)
		l.mu.Lock()
		l.attempts = append(l.attempts, a)
		if err != nil {
			l.errs[noise.ReplaceAllString(err.Error(), "")]++
		}
		l.mu.Unlock()
	}
}

// Attempts are those that have ended so far.
func (l *Load) Attempts() []bench.Attempt {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.attempts[:len(l.attempts):len(l.attempts)]
}

// Failed counts the attempts so far that were not acknowledged.
func (l *Load) Failed() int {
	n := 0
	for _, a := range l.Attempts() {
		if a.Outcome != bench.Acked {
			n++
		}
	}
	return n
}

// Errors says what clients were told, and how often.
func (l *Load) Errors() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.errs) == 0 {
		return "no error"
	}
	return strings.TrimPrefix(fmt.Sprint(l.errs), "map")
}

// Resumed waits for a write that was begun after the blow to be acknowledged, and
// returns the time from the blow to that.
func (l *Load) Resumed(ctx context.Context, blow bench.Blow, patience time.Duration) (time.Duration, error) {
	var took time.Duration
	err := Until(ctx, patience, "writes to resume", func(context.Context) error {
		var ok bool
		if took, ok = bench.Resumed(l.Attempts(), blow); !ok {
			return fmt.Errorf("none was acknowledged since; clients saw %s", l.Errors())
		}
		return nil
	})
	return took, err
}

// Stop lets every client finish the write it is at, and gives all attempts to the
// release, which remembers them. It may be called again.
func (l *Load) Stop() {
	l.mu.Lock()
	select {
	case <-l.end:
		l.mu.Unlock()
		return
	default:
		close(l.end)
	}
	l.mu.Unlock()
	l.work.Wait()
	l.door.close()
	l.r.mu.Lock()
	l.r.attempts = append(l.r.attempts, l.attempts...)
	l.r.mu.Unlock()
}

// Verify reads every node past the gateway and judges what it holds against all
// that clients of this release were ever told. Nodes may need a moment to be equal:
// an ASYNC replica may be late, not different.
func (r *Release) Verify(ctx context.Context) (bench.Verdict, error) {
	var verdict bench.Verdict
	err := Until(ctx, 30*time.Second, "the nodes to be equal", func(ctx context.Context) error {
		held, err := r.Held(ctx)
		if err != nil {
			return err
		}
		verdict = r.judge(held)
		if n := len(verdict.Unequal); n > 0 {
			return fmt.Errorf("%d ids are not on all %d nodes alike, the first is %d", n, len(held), verdict.Unequal[0])
		}
		return nil
	})
	return verdict, err
}

// VerifyMain judges what MAIN holds, as the gateway shows it: all that can be said
// of a release that is not whole.
func (r *Release) VerifyMain(ctx context.Context) (bench.Verdict, error) {
	var verdict bench.Verdict
	err := r.Place.Through(ctx, r.Gateway(), func(addr string) error {
		held, err := bench.Read(ctx, addr)
		if err == nil {
			verdict = r.judge([]map[int64]int{held})
		}
		return err
	})
	return verdict, err
}

// judge takes what was removed and is there again for lost: its removal was
// acknowledged.
func (r *Release) judge(held []map[int64]int) bench.Verdict {
	r.mu.Lock()
	defer r.mu.Unlock()
	verdict := bench.Judge(r.attempts, held)
	back := map[int64]bool{}
	for _, ids := range held {
		for id := range ids {
			if id <= r.removed && !back[id] {
				back[id] = true
				verdict.Lost = append(verdict.Lost, id)
			}
		}
	}
	return verdict
}

// Held reads what each node holds, past the gateway: how often each id.
func (r *Release) Held(ctx context.Context) ([]map[int64]int, error) {
	var held []map[int64]int
	err := r.EachNode(ctx, func(addr string) error {
		ids, err := bench.Read(ctx, addr)
		held = append(held, ids)
		return err
	})
	return held, err
}

// EachNode calls f with an address on this host's loopback that leads to a node, for
// each node in the order of their names, until f fails.
func (r *Release) EachNode(ctx context.Context, f func(addr string) error) error {
	pods, err := r.Pods(ctx, Memgraph)
	if err != nil {
		return err
	}
	for _, p := range pods {
		if err := r.Place.Through(ctx, p.Status.PodIP+":7687", f); err != nil {
			return fmt.Errorf("%s: %w", p.Name, err)
		}
	}
	return nil
}
