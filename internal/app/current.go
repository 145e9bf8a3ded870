package app

import (
	"context"
	"fmt"
	"time"

	"memgraph-controller/internal/cluster"
)

// How long the API server and the other controllers have to say what is current.
// heedTimeout is for a replica that another one has told of a newer record: a leader that
// tells it waits no longer than 400 ms before it promotes.
const (
	currentTimeout = time.Second
	heedTimeout    = 350 * time.Millisecond
)

// current asks whether the record that the gateway goes by is the newest: the API
// server, and the other controllers if that does not answer. While neither is to be
// had it is (P9): whoever could change it is as cut off as this replica.
func (r *Replica) current(ctx context.Context) error { return r.currentWithin(ctx, currentTimeout) }

// currentWithin is current, with so long for all whom it asks.
func (r *Replica) currentWithin(ctx context.Context, limit time.Duration) error {
	known := r.last.Load()
	if known == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	others := make(chan error, 1)
	go func() { others <- r.outdated(ctx, known.Epoch) }()
	rec, _, err := r.opt.Records.Load(ctx)
	switch {
	case err != nil:
		return <-others
	case rec != nil && (rec.Epoch != known.Epoch || rec.Main != known.Main):
		return fmt.Errorf("the record names node %d as MAIN of epoch %d by now: the watch is behind", rec.Main, rec.Epoch)
	}
	return nil
}

// outdated says who knows of a later epoch than the known one: this replica itself, or
// another one. It returns nil if nobody does who answers before ctx ends.
func (r *Replica) outdated(ctx context.Context, known cluster.Epoch) error {
	if newest := r.newest(); newest > known {
		return fmt.Errorf("this replica has begun epoch %d itself, and the last record from its watch is of epoch %d", newest, known)
	}
	if r.opt.Peers == nil {
		return nil
	}
	for _, o := range r.opt.Peers.Ask(ctx, cluster.NoNode, 0) {
		if o.Epoch > known {
			return fmt.Errorf("%s has seen epoch %d, and the last record here is of epoch %d: this replica is cut off from the API server", o.From, o.Epoch, known)
		}
	}
	return nil
}

// newest is the epoch of the newest record that this replica knows of, 0 for none: a
// leader may have written one that its watch has not brought.
func (r *Replica) newest() cluster.Epoch {
	var newest cluster.Epoch
	for _, rec := range []*cluster.Record{r.last.Load(), r.begun.Load()} {
		if rec != nil {
			newest = max(newest, rec.Epoch)
		}
	}
	return newest
}

// inform has every gateway that answers heed a record of this leader: its own, and those
// of the other controllers.
func (r *Replica) inform(ctx context.Context, rec cluster.Record) {
	r.begun.Store(&rec)
	if known := r.last.Load(); known != nil && known.Epoch < rec.Epoch {
		r.doubt()
	}
	if r.opt.Peers != nil {
		r.opt.Peers.Ask(ctx, rec.Main, rec.Epoch)
	}
}

// Opinion says how this replica sees node n now, for a leader that does not reach it, and
// of which epoch the newest record is that it knows of. With NoNode it says that alone, at
// once.
//
// It is told the epoch of the newest record, 0 if that is not known: if this replica
// goes by an older one, and its API server says so too, or another replica if that does not
// answer, its gateway lets nobody to MAIN any more until the watch has caught up.
func (r *Replica) Opinion(ctx context.Context, n cluster.Ordinal, newest cluster.Epoch) cluster.Opinion {
	if known := r.last.Load(); known != nil && known.Epoch < newest && r.currentWithin(ctx, heedTimeout) != nil {
		r.doubt()
	}
	o := cluster.Opinion{From: r.opt.Identity, Contact: cluster.NotProbed}
	if n != cluster.NoNode {
		o.Contact = r.nodes.Look(ctx, n).Contact
	}
	o.Epoch = r.newest()
	return o
}
