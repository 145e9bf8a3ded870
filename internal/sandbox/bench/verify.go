package bench

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"
)

// settleTimeout is how long the nodes may take to become equal after the last
// write: an ASYNC replica is allowed to be late, not to be different.
const settleTimeout = 10 * time.Second

// verify reads every node until all are equal, at most for settleTimeout, and
// judges what was read last.
func (h *harness) verify(ctx context.Context) (Verdict, error) {
	began := time.Now()
	for {
		held, err := h.readAll(ctx)
		late := time.Since(began) > settleTimeout
		if err != nil && (late || ctx.Err() != nil) {
			return Verdict{}, err
		}
		if err == nil {
			v := Judge(h.attempts, held)
			if len(v.Unequal) == 0 || late || ctx.Err() != nil {
				h.explain(v, held)
				return v, nil
			}
		}
		pause(ctx, 100*time.Millisecond)
	}
}

// readAll reads all nodes at once.
func (h *harness) readAll(ctx context.Context) ([]map[int64]int, error) {
	nodes := h.c.Nodes()
	held := make([]map[int64]int, len(nodes))
	deadline, cancel := context.WithTimeout(ctx, healTimeout)
	defer cancel()
	reads, each := errgroup.WithContext(deadline)
	for i, addr := range nodes {
		reads.Go(func() (err error) {
			held[i], err = h.o.Read(each, addr)
			return err
		})
	}
	if err := reads.Wait(); err != nil {
		return nil, err
	}
	return held, nil
}

// explain names what is wrong, for whoever has to find out why.
func (h *harness) explain(v Verdict, held []map[int64]int) {
	say := func(what string, ids []int64) {
		for i, id := range ids {
			if i == 10 {
				h.say("  … and %d more\n", len(ids)-i)
				return
			}
			h.say("%s: id %d, on the nodes", what, id)
			for _, n := range held {
				h.say(" %d×", n[id])
			}
			h.say("\n")
		}
	}
	say("acknowledged but lost", v.Lost)
	say("applied twice", v.Dup)
	say("refused but applied", v.Lies)
	say("not on all nodes alike", v.Unequal)
}
