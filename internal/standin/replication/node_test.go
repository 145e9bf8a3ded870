package replication

import (
	"errors"
	"testing"
)

func TestFreshNodeIsMain(t *testing.T) {
	a := newMember(t)
	if role, _ := a.Role(t.Context()); role != Main {
		t.Errorf("role %s", role)
	}
	if err := a.Promote(t.Context()); !errors.Is(err, ErrPromote) {
		t.Errorf("promoting a MAIN: %v", err)
	}
	a.demote()
	if err := a.Demote(t.Context(), a.port); !errors.Is(err, ErrDemote) {
		t.Errorf("demoting a REPLICA: %v", err)
	}
	if _, err := a.Replicas(t.Context()); !errors.Is(err, ErrReplica) {
		t.Errorf("replicas of a REPLICA: %v", err)
	}
	if err := a.tryRegister("b", Sync, a); !errors.Is(err, ErrReplica) {
		t.Errorf("register on a REPLICA: %v", err)
	}
	if err := a.Drop(t.Context(), "b"); !errors.Is(err, ErrReplica) {
		t.Errorf("drop on a REPLICA: %v", err)
	}
}

func TestRestartKeepsRoleAndRegistrations(t *testing.T) {
	a, b := newMember(t), newMember(t).demote()
	a.register("b", Sync, b)
	a.mustAdd(1)
	b.restart()
	if role, _ := b.Role(t.Context()); role != Replica {
		t.Errorf("role %s", role)
	}
	a.await("b", Ready)
	_ = a.add(2) // may meet the old connection
	a.await("b", Ready)
	b.wantValues(1, 2)
	a.restart()
	if info := a.replica("b"); info.State != Ready || info.Mode != Sync || info.TS != a.engine.LDT() {
		t.Errorf("after a restart: %+v", info)
	}
	a.mustAdd(3)
	b.wantValues(1, 2, 3)
}

func TestWithoutRestoreANodeComesBackAsMain(t *testing.T) {
	a, b := newMember(t), newMember(t)
	b.cfg.Restore = false
	b.restart()
	b.demote()
	a.register("b", Sync, b)
	a.mustAdd(1)
	b.restart()
	if role, _ := b.Role(t.Context()); role != Main {
		t.Fatalf("role %s", role)
	}
	// Recorded (16d): of one epoch, ahead, ready; what is not newer is confirmed and lost.
	b.mustAdd(100, 101)
	b.demote()
	if err := a.Drop(t.Context(), "b"); err != nil {
		t.Fatal(err)
	}
	a.register("b", Sync, b)
	if info := a.replica("b"); info.State != Ready || info.Behind <= 0 {
		t.Errorf("%+v", info)
	}
	a.mustAdd(2)
	a.wantValues(1, 2)
	b.wantValues(1, 100, 101)
}

func TestRegisterCodesAndGhosts(t *testing.T) {
	a, b, c := newMember(t), newMember(t).demote(), newMember(t)
	a.mustAdd(1)
	a.register("b", Sync, b)
	a.await("b", Ready)
	wantCode(t, a.tryRegister("b", Async, c), NameExists)
	wantCode(t, a.tryRegister("b2", Async, b), EndpointExists)
	wantCode(t, a.tryRegister("c", Sync, c), NotAccepted) // a MAIN: its port is closed
	if info := a.replica("c"); info.Attached {
		t.Errorf("no ghost: %+v", info)
	}
	a.mustAdd(2) // ghosts take no part
	c.demote()
	wantCode(t, a.tryRegister("c", Sync, c), NameExists)
	if err := a.Drop(t.Context(), "c"); err != nil {
		t.Error(err)
	}
	if err := a.Drop(t.Context(), "c"); !errors.Is(err, ErrUnknown) {
		t.Errorf("drop twice: %v", err)
	}
	a.register("c", StrictSync, c) // beside SYNC: nobody minds
	a.await("c", Ready)
	c.wantValues(1, 2)
}

func TestGhostBecomesRealWithARestart(t *testing.T) {
	a, b := newMember(t), newMember(t)
	wantCode(t, a.tryRegister("b", Sync, b), NotAccepted)
	a.mustAdd(1)
	a.restart()
	if info := a.replica("b"); !info.Attached || info.State != MaybeBehind || info.TS != 0 || info.Behind >= 0 {
		t.Errorf("%+v", info)
	}
	wantShip(t, a.add(2), false, NotInSync)
}

func TestDivergedRegistration(t *testing.T) {
	for _, ghost := range []bool{true, false} {
		a, b := newMember(t), newMember(t).demote()
		b.cfg.Behaviour.GhostOnDiverged = ghost
		b.restart()
		a.register("b", Sync, b)
		a.mustAdd(1)
		b.promote()
		b.mustAdd(2)
		wantShip(t, a.add(3), false, 0)
		a.demote()
		wantCode(t, b.tryRegister("a", Sync, a), HasDivergedTo)
		list, _ := b.Replicas(t.Context())
		if len(list) == 1 != ghost {
			t.Errorf("ghost %v: %+v", ghost, list)
		}
		b.mustAdd(4)
		if ghost {
			b.restart()
			if info := b.replica("a"); info.State != Diverged {
				t.Errorf("%+v", info)
			}
			wantShip(t, b.add(5), false, HasDiverged)
		}
	}
}

func TestStealing(t *testing.T) {
	a, b, c := newMember(t), newMember(t).demote(), newMember(t).demote()
	a.register("b", Sync, b)
	a.register("c", Sync, c)
	a.mustAdd(1)
	b.promote()
	b.register("c", StrictSync, c)
	b.mustAdd(2)
	c.wantValues(1, 2)
	if info := a.replica("c"); info.State != Ready {
		t.Errorf("a knows of the theft already: %+v", info)
	}
	wantShip(t, a.add(3), false, 0)
	if info := a.replica("c"); info.State != MaybeBehind {
		t.Errorf("%+v", info)
	}
	wantShip(t, a.add(4), false, NotInSync)
	a.restart() // does not steal back
	b.mustAdd(5)
	c.wantValues(1, 2, 5)
}

func TestForeignDataNeverJoins(t *testing.T) {
	a, b := newMember(t), newMember(t)
	a.mustAdd(1)
	b.mustAdd(100)
	b.demote()
	a.register("b", Async, b)
	if info := a.replica("b"); info.State != MaybeBehind || info.TS != 0 {
		t.Errorf("%+v", info)
	}
	a.mustAdd(2)
	b.wantValues(100)

	// A community build ignores identities and goes by epochs.
	c := newMember(t)
	c.cfg.Behaviour.IgnoreIdentity = true
	c.restart()
	c.mustAdd(100)
	c.demote()
	wantCode(t, a.tryRegister("c", Async, c), HasDivergedTo)
}

func TestDemotion(t *testing.T) {
	a, b := newMember(t), newMember(t).demote()
	a.register("b", Sync, b)
	a.mustAdd(1)
	txn, err := a.engine.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	_, _ = txn.Create(nil, nil)
	a.demote()
	if err := a.Commit(t.Context(), txn); !errors.Is(err, ErrNotMain) {
		t.Errorf("commit across a demotion: %v", err)
	}
	a.promote()
	if list, _ := a.Replicas(t.Context()); len(list) != 0 {
		t.Errorf("registrations survived: %+v", list)
	}
	a.mustAdd(2)
	b.wantValues(1)
	a.register("b", Sync, b)
	a.await("b", Ready)
	b.wantValues(1, 2)
}

func TestDemotionWithoutAPortSwitchesAllTheSame(t *testing.T) {
	a, b := newMember(t), newMember(t).demote()
	if err := a.Demote(t.Context(), b.port); !errors.Is(err, ErrDemote) {
		t.Errorf("%v", err)
	}
	if role, _ := a.Role(t.Context()); role != Replica {
		t.Errorf("role %s", role)
	}
	a.promote()
	a.mustAdd(1)
}

func TestEpochNotDurableBeforeTheFirstCommit(t *testing.T) {
	a, b := newMember(t), newMember(t).demote()
	a.register("b", Sync, b)
	a.mustAdd(1)
	old := a.engine.Lineage().Epoch
	b.promote()
	b.restart()
	if role, _ := b.Role(t.Context()); role != Main || b.engine.Lineage().Epoch != old {
		t.Errorf("%s of epoch %s, want the old MAIN's %s", role, b.engine.Lineage().Epoch, old)
	}
}

func TestFalseDivergence(t *testing.T) {
	for _, c := range []struct {
		name  string
		odd   bool
		fresh bool // the epoch is refreshed after the restart
		code  Code
	}{{"as real", true, false, HasDivergedTo}, {"epoch refreshed", true, true, 0}, {"switched off", false, false, 0}} {
		t.Run(c.name, func(t *testing.T) {
			a, b, d := newMember(t), newMember(t), newMember(t).demote()
			b.cfg.Behaviour.FalseDivergence = c.odd
			b.restart()
			b.demote()
			a.register("b", Sync, b)
			a.register("d", Async, d)
			a.mustAdd(1)
			b.restart()
			if c.fresh {
				a.demote().promote()
				a.mustAdd(9)
				a.register("b", Sync, b)
				a.register("d", Async, d)
			}
			a.await("b", Ready)
			_ = a.add(2)
			a.await("b", Ready)
			a.await("d", Ready)
			b.promote()
			b.mustAdd(3)
			err := b.tryRegister("d", Async, d)
			if c.code != 0 {
				wantCode(t, err, c.code)
				b.restart() // the cure after
				b.demote().promote()
				b.mustAdd(4)
				err = b.tryRegister("d", Async, d)
			}
			if err != nil {
				t.Error(err)
			}
			b.await("d", Ready)
		})
	}
}

func TestConcurrentSystemQueries(t *testing.T) {
	a := newMember(t)
	release, err := a.BeginSystem(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.BeginSystem(t.Context()); !errors.Is(err, ErrConcurrent) {
		t.Errorf("%v", err)
	}
	release()
	release, err = a.BeginSystem(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	release()
}
