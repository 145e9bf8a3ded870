package replication

import (
	"context"
	"errors"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"memgraph-controller/internal/standin/faults"
)

func cut(t *testing.T, m *member) {
	t.Helper()
	cutOff(t, m.in)
}

// cutOff cuts a link, or skips the test where this user may not.
func cutOff(t *testing.T, l *faults.Link) {
	t.Helper()
	switch err := l.Set("", faults.Fault{Mode: faults.Cut}); {
	case errors.Is(err, faults.ErrNotPermitted):
		t.Skip(err)
	case err != nil:
		t.Fatal(err)
	}
}

func heal(t *testing.T, m *member) {
	t.Helper()
	if err := m.in.Heal(); err != nil {
		t.Fatal(err)
	}
}

func TestSyncIsVisibleBeforeTheAck(t *testing.T) {
	a, b, c := newMember(t), newMember(t).demote(), newMember(t).demote()
	a.register("b", Sync, b)
	a.register("c", Async, c)
	for i := range int64(20) {
		a.mustAdd(i)
		if got := b.values(); len(got) != int(i)+1 {
			t.Fatalf("after commit %d the SYNC replica holds %v", i, got)
		}
	}
	await(t, func() string {
		if len(c.values()) < 20 {
			return "the ASYNC replica lags"
		}
		return ""
	})
}

func TestSyncReplicaDown(t *testing.T) {
	a, b, c := newMember(t), newMember(t).demote(), newMember(t).demote()
	a.register("b", Sync, b)
	a.register("c", Sync, c)
	a.mustAdd(1)
	b.down()
	wantShip(t, a.add(2), false, 0)
	wantShip(t, a.add(3), false, NotInSync)
	a.wantValues(1, 2, 3)
	c.wantValues(1, 2, 3)
	if info := a.replica("b"); info.State != MaybeBehind || info.Behind >= 0 {
		t.Errorf("%+v", info)
	}
	b.up()
	a.await("b", Ready)
	b.wantValues(1, 2, 3)
	a.mustAdd(4)
	b.wantValues(1, 2, 3, 4)
}

func TestStrictSyncReplicaDown(t *testing.T) {
	a, b, c := newMember(t), newMember(t).demote(), newMember(t).demote()
	a.register("b", StrictSync, b)
	a.register("c", Async, c)
	a.mustAdd(1)
	a.await("c", Ready)
	ldt := a.engine.LDT()
	b.down()
	wantShip(t, a.add(2), true, 0)
	if info := a.replica("c"); info.State != Replicating {
		t.Errorf("the ASYNC replica of an aborted commit is %s", info.State)
	}
	wantShip(t, a.add(3), true, NotInSync)
	a.wantValues(1)
	c.wantValues(1)
	if a.engine.LDT() != ldt {
		t.Error("an aborted commit moved the last durable timestamp")
	}
	b.up()
	a.await("b", Ready)
	a.mustAdd(4)
	b.wantValues(1, 4)
	a.await("c", Ready)
	c.wantValues(1, 4)
	a.restart()
	a.wantValues(1, 4)
}

func TestStrictSyncBehindAbortsUntilReady(t *testing.T) {
	a, b := newMember(t), newMember(t).demote()
	for i := range int64(5) {
		a.mustAdd(i)
	}
	a.register("b", StrictSync, b)
	refused := 0
	for {
		if err := a.add(int64(10 + refused)); err == nil {
			break
		} else {
			wantShip(t, err, true, NotInSync)
		}
		refused++
	}
	a.wantValues(b.values()...)
}

func TestStrictSyncIsAFence(t *testing.T) {
	a, b := newMember(t), newMember(t).demote()
	a.register("b", StrictSync, b)
	a.mustAdd(1)
	b.promote()
	b.mustAdd(2)
	wantShip(t, a.add(3), true, 0)
	a.demote() // nothing of its failed writes survived
	b.register("a", StrictSync, a)
	b.await("a", Ready)
	a.wantValues(1, 2)
}

func TestLostFinalize(t *testing.T) {
	var lose atomic.Bool
	a, b := newMember(t), newMember(t).demote()
	a.cfg.LoseFinalize = func() bool { return lose.Swap(false) }
	a.restart()
	a.register("b", StrictSync, b)
	a.mustAdd(1)
	lose.Store(true)
	a.mustAdd(2) // acknowledged
	a.wantValues(1, 2)
	b.wantValues(1)
	if info := a.replica("b"); info.State != Ready || info.Behind != 0 {
		t.Errorf("%+v", info)
	}
	wantShip(t, a.add(3), true, RPCError)
	a.await("b", MaybeBehind)
	a.await("b", Ready)
	b.wantValues(1, 2)
	lose.Store(true)
	a.mustAdd(4)
	b.promote() // what was prepared is gone
	b.wantValues(1, 2)
}

func TestMixedModesForgetTheSyncReplica(t *testing.T) {
	a, b, c := newMember(t), newMember(t).demote(), newMember(t).demote()
	a.register("b", StrictSync, b)
	a.register("c", Sync, c)
	a.mustAdd(1)
	b.wantValues(1)
	c.wantValues()
	if info := a.replica("c"); info.State != Replicating {
		t.Errorf("%+v", info)
	}
	a.mustAdd(2)
	a.await("c", Ready)
	c.wantValues(1, 2)
}

func TestSilentReplicaStallsEverybody(t *testing.T) {
	for _, mode := range []Mode{Sync, StrictSync} {
		a, b := newMember(t), newMember(t).demote()
		a.cfg.Timing.Check = 0
		a.restart()
		a.register("b", mode, b)
		a.mustAdd(1)
		cut(t, b)
		wrote := make(chan error, 1)
		start := time.Now()
		go func() { wrote <- a.add(2) }()
		a.await("b", Replicating)
		brief, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		if _, err := a.engine.Begin(brief); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a reader got through: %v", err)
		}
		cancel()
		if role, err := a.Role(t.Context()); role != Main || err != nil {
			t.Errorf("role: %v, %v", role, err)
		}
		wantCode(t, a.tryRegister("c", Async, a), NoAccess)
		if err := a.Drop(t.Context(), "b"); !errors.Is(err, ErrBusy) {
			t.Errorf("drop: %v", err)
		}
		if err := a.Demote(t.Context(), a.port); !errors.Is(err, ErrDemote) {
			t.Errorf("demote: %v", err)
		}
		wantShip(t, <-wrote, mode == StrictSync, RPCTimeout)
		if took := time.Since(start); took < a.cfg.Timing.Prepare {
			t.Errorf("%s: stalled only %v", mode, took)
		}
		wantShip(t, a.add(3), mode == StrictSync, NotInSync)
		heal(t, b)
	}
}

func TestDropOfASilentReplica(t *testing.T) {
	t.Run("waits for its ping", func(t *testing.T) {
		a, b := newMember(t), newMember(t).demote()
		a.cfg.Behaviour.AbortOnStop = false
		a.cfg.Timing.Ping = 400 * time.Millisecond
		a.restart()
		a.register("b", Sync, b)
		a.mustAdd(1)
		cut(t, b)
		client := a.entries[0].client
		await(t, func() string { // a ping is on its way
			if len(client.peer.lock) == 0 {
				return "no request in progress"
			}
			return ""
		})
		start := time.Now()
		if err := a.Drop(t.Context(), "b"); err != nil || time.Since(start) < 100*time.Millisecond {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		a.mustAdd(2)
	})
	t.Run("hangs after a failed write", func(t *testing.T) {
		a, b := newMember(t), newMember(t).demote()
		a.cfg.Behaviour.HangOnDrop, a.cfg.Behaviour.AbortOnStop = true, false
		a.cfg.Timing.Check, a.cfg.Timing.Connect = 0, 5*time.Second
		a.cfg.Timing.Prepare = 100 * time.Millisecond
		a.restart()
		a.register("b", Sync, b)
		a.mustAdd(1)
		cutOff(t, a.out)
		wantShip(t, a.add(2), false, 0)
		wantShip(t, a.add(3), false, 0)
		dropped := make(chan error, 1)
		go func() { dropped <- a.Drop(context.WithoutCancel(t.Context()), "b") }()
		await(t, func() string {
			if !a.Hung() {
				return "not hung"
			}
			return ""
		})
		brief, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		if _, err := a.Role(brief); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a hung node answered: %v", err)
		}
		a.down()
		if err := <-dropped; !errors.Is(err, ErrHung) {
			t.Error(err)
		}
		if err := a.out.Heal(); err != nil {
			t.Fatal(err)
		}
		a.up()
	})
}

func TestEmptyHeir(t *testing.T) {
	for _, odd := range []bool{true, false} {
		a, b := newMember(t), newMember(t).demote()
		a.cfg.Behaviour.EmptyHeir = odd
		if odd {
			a.cfg.Timing.Check = 0 // on a slow machine three checks may miss it, and it would be found out
		}
		a.restart()
		a.register("b", StrictSync, b)
		a.mustAdd(1)
		b.down()
		if err := os.RemoveAll(b.dir); err != nil {
			t.Fatal(err)
		}
		b.up()
		b.demote()
		if odd {
			// It answers pings, and nothing more is asked.
			client := a.entries[0].client
			for range 2 {
				answer, err := client.peer.ask(t.Context(), request{kind: kindPing}, time.Second)
				if err != nil {
					answer, err = client.peer.ask(t.Context(), request{kind: kindPing}, time.Second)
				}
				if err != nil {
					t.Fatal(err)
				}
				client.seen(t.Context(), answer)
			}
			if info := a.replica("b"); info.State != Ready || info.Behind != 0 {
				t.Errorf("an empty heir is shown as %+v", info)
			}
		} else {
			a.await("b", MaybeBehind)
		}
		wantShip(t, a.add(2), true, 0)
		wantShip(t, a.add(3), true, NotInSync)
		b.wantValues()
		if err := a.Drop(t.Context(), "b"); err != nil {
			t.Fatal(err)
		}
		a.register("b", StrictSync, b)
		a.await("b", Ready)
		b.wantValues(1)
	}
}

func TestRecoveryBySnapshot(t *testing.T) {
	a, b := newMember(t), newMember(t).demote()
	a.register("b", Async, b)
	a.mustAdd(1)
	a.await("b", Ready)
	b.down()
	for i := range int64(4) {
		a.mustAdd(10 + i)
		a.restart() // begins a new log file
		if _, err := a.engine.CreateSnapshot(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	b.up()
	a.await("b", Ready)
	b.wantValues(1, 10, 11, 12, 13)
	a.mustAdd(20)
	b.restart()
	a.await("b", Ready)
	b.wantValues(1, 10, 11, 12, 13, 20)
}

func TestWithoutLogNothingReplicates(t *testing.T) {
	a, b := newMember(t), newMember(t).demote()
	a.wal = false
	a.restart()
	a.mustAdd(1)
	a.register("b", Sync, b)
	a.mustAdd(2)
	a.await("b", MaybeBehind)
	b.wantValues()
}

func TestManyWriters(t *testing.T) {
	a, b, c := newMember(t), newMember(t).demote(), newMember(t).demote()
	a.register("b", StrictSync, b)
	a.register("c", Async, c)
	const writers, each = 4, 50
	errs := make(chan error, writers)
	for w := range int64(writers) {
		go func() {
			var err error
			for i := range int64(each) {
				err = errors.Join(err, a.add(w*each+i))
			}
			errs <- err
		}()
	}
	for range writers {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	a.await("b", Ready)
	a.await("c", Ready)
	if a, b, c := a.values(), b.values(), c.values(); len(a) != writers*each || len(b) != len(a) || len(c) != len(a) {
		t.Errorf("%d, %d and %d nodes", len(a), len(b), len(c))
	}
}
