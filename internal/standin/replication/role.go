package replication

import (
	"context"
	"time"

	"github.com/google/uuid"
)

// Promote makes a REPLICA the MAIN, at once and without asking anybody: the port closes, a
// prepared commit is dropped, a new epoch begins, there are no replicas.
func (n *Node) Promote(ctx context.Context) error {
	if !n.lock.tryLock() {
		return ErrPromote
	}
	defer n.lock.unlock()
	if n.role == Main {
		return ErrPromote
	}
	n.shared.Lock()
	s := n.server
	n.server = nil
	n.shared.Unlock()
	if s != nil {
		s.stop()
	}
	if d := n.cfg.PromotionDelay(); d > 0 {
		n.sleep(d)
	}
	//nolint:contextcheck // a promotion that has begun goes on without its client
	if err := n.cfg.Engine.BeginReign(n.ctx); err != nil {
		return err
	}
	n.role, n.port, n.main = Main, 0, uuid.NewString()
	if err := n.save(); err != nil {
		return err
	}
	n.cfg.Promoted()
	return ctx.Err()
}

func (n *Node) sleep(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-n.ctx.Done():
	}
}

// Demote makes a MAIN a REPLICA that obeys nobody until a MAIN registers it. Its registrations
// are forgotten. If the port cannot be opened it fails, and has switched the role all the same.
func (n *Node) Demote(_ context.Context, port int) error {
	if !n.lock.tryLock() {
		return ErrDemote
	}
	defer n.lock.unlock()
	if n.role == Replica {
		return ErrDemote
	}
	for _, e := range n.entries {
		if e.client != nil {
			e.client.shut()
		}
	}
	n.setEntries(nil)
	nobody := uuid.NewString()
	n.role, n.port, n.main = Replica, port, nobody
	n.cfg.Engine.SetReplica(true)
	if err := n.save(); err != nil {
		return err
	}
	if err := n.serve(nobody); err != nil {
		n.cfg.Log.Error("demoted without a replication port", "err", err)
		return ErrDemote
	}
	return nil
}

func (n *Node) setEntries(list []*entry) {
	n.shared.Lock()
	defer n.shared.Unlock()
	n.entries = list
}

// Register adds a replica, whomever it obeyed before. All failures are *RegisterError, but for
// ErrReplica.
//
//nolint:contextcheck // a registration that has begun goes on without its client
func (n *Node) Register(_ context.Context, reg Registration) error {
	if !n.lock.tryLock() {
		return &RegisterError{Code: NoAccess, Err: ErrBusy}
	}
	defer n.lock.unlock()
	if n.role == Replica {
		return ErrReplica
	}
	for _, e := range n.entries {
		if e.Name == reg.Name {
			return &RegisterError{Code: NameExists}
		}
	}
	for _, e := range n.entries {
		if e.Host == reg.Host && e.Port == reg.Port {
			return &RegisterError{Code: EndpointExists}
		}
	}
	e := &entry{Registration: reg}
	n.setEntries(append(append([]*entry(nil), n.entries...), e))
	if err := n.save(); err != nil {
		return &RegisterError{Code: NotPersisted, Err: err}
	}
	c := newClient(reg, n, n.main)
	answer, err := c.peer.ask(n.ctx, request{kind: kindSwapMain, main: n.main}, n.cfg.Timing.SwapMain)
	if err != nil || !answer.ok {
		c.shut()
		return &RegisterError{Code: NotAccepted, Err: err} // the entry stays: a ghost
	}
	c.introduce(n.ctx)
	c.check(n.ctx)
	if state, _ := c.status(); state == Diverged {
		c.shut()
		if !n.cfg.Behaviour.GhostOnDiverged {
			if err := n.remove(e); err != nil {
				return &RegisterError{Code: NotPersisted, Err: err}
			}
		}
		return &RegisterError{Code: HasDivergedTo}
	}
	n.shared.Lock()
	e.client = c
	n.shared.Unlock()
	c.start(n.ctx)
	return nil
}

func (n *Node) remove(gone *entry) error {
	var list []*entry
	for _, e := range n.entries {
		if e != gone {
			list = append(list, e)
		}
	}
	n.setEntries(list)
	return n.save()
}

// Drop forgets a replica, without telling it. It waits for what is in progress with that replica,
// and may hang for ever on versions with HangOnDrop.
func (n *Node) Drop(_ context.Context, name string) error {
	if !n.lock.tryLock() {
		return ErrBusy
	}
	defer n.lock.unlock()
	if n.role == Replica {
		return ErrReplica
	}
	for _, e := range n.entries {
		if e.Name != name {
			continue
		}
		if e.client != nil {
			if n.cfg.Behaviour.HangOnDrop && e.client.stuck(n.cfg.Timing.HangGrace) {
				// A check of the replica works on with memory that DROP has freed (recorded on
				// 3.6.2): the role lock is never given back.
				n.cfg.Log.Error("DROP REPLICA hangs for ever, as this version does", "replica", name)
				n.hung.Store(true)
				<-n.ctx.Done()
				return ErrHung
			}
			e.client.shut()
		}
		return n.remove(e)
	}
	return ErrUnknown
}
