package app

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"

	"memgraph-controller/internal/cluster"
	"memgraph-controller/internal/gateway"
)

func three() cluster.Topology {
	return cluster.Topology{{Bolt: "mg-0:7687"}, {Bolt: "mg-1:7687"}, {Bolt: "mg-2:7687"}}
}

func TestRouteFollowsTheStage(t *testing.T) {
	for stage, want := range map[cluster.Stage]gateway.State{
		cluster.Serving:   gateway.Open,
		cluster.Quiescing: gateway.Paused,
		cluster.Demoting:  gateway.Closed,
		cluster.Promoting: gateway.Closed,
		0:                 gateway.Closed,
	} {
		r := (&routes{topology: three()}).of(cluster.Record{Main: 1, Epoch: 4, Stage: stage, Target: cluster.NoNode, Readers: []cluster.Ordinal{0, 2}}, "u")
		if r.State != want || r.Main != "mg-1:7687" || r.Epoch != 4 || !slices.Equal(r.Readers, []string{"mg-0:7687", "mg-2:7687"}) {
			t.Errorf("route of a record that is %s = %+v; want %s, MAIN mg-1, epoch 4, readers 0 and 2", stage, r, want)
		}
	}
}

// A MAIN that is about to step down is left to what was begun.
func TestRouteOfAMainThatStepsDownDrains(t *testing.T) {
	r := (&routes{topology: three()}).of(cluster.Record{Main: 1, Epoch: 4, Stage: cluster.Quiescing, Target: 0}, "u")
	if r.State != gateway.Draining {
		t.Errorf("route = %+v; want draining", r)
	}
}

// Who reads at the successor of MAIN is to leave while there is time, not to be cut when it
// is MAIN: the JavaScript driver waits for a second before it tries again.
func TestRouteLeadsNoReadersToWhoIsAboutToBeMain(t *testing.T) {
	for stage, want := range map[cluster.Stage][]string{
		cluster.Serving:   {"mg-0:7687", "mg-2:7687"},
		cluster.Quiescing: {"mg-2:7687"},
		cluster.Demoting:  {"mg-2:7687"},
	} {
		r := (&routes{topology: three()}).of(cluster.Record{Main: 1, Epoch: 4, Stage: stage, Target: 0, Readers: []cluster.Ordinal{0, 2}}, "u")
		if !slices.Equal(r.Readers, want) {
			t.Errorf("readers of a record that is %s with target 0: %v, want %v", stage, r.Readers, want)
		}
	}
}

// TestRouteOfNodesThatAreNotThere: the record may be from when there were more.
func TestRouteOfNodesThatAreNotThere(t *testing.T) {
	r := (&routes{topology: three()}).of(cluster.Record{Main: 3, Epoch: 1, Stage: cluster.Serving, Readers: []cluster.Ordinal{7, 1, 3}}, "u")
	if r.Main != "" || !slices.Equal(r.Readers, []string{"mg-1:7687"}) {
		t.Fatalf("route = %+v; want no MAIN, and the one reader that exists", r)
	}
}

func TestRouteEpochsNeverFall(t *testing.T) {
	type seen struct {
		uid   string
		epoch cluster.Epoch
		want  uint64
	}
	for _, c := range []struct {
		name string
		seen []seen
	}{
		{"one record", []seen{{"u", 1, 1}, {"u", 1, 1}, {"u", 2, 2}, {"u", 7, 7}}},
		{"created anew in the same reign: clients stay", []seen{{"u", 5, 5}, {"v", 5, 5}, {"v", 6, 6}}},
		{"created anew from the start", []seen{{"u", 5, 5}, {"v", 1, 6}, {"v", 1, 6}, {"v", 2, 7}, {"v", 3, 8}}},
		{"created anew twice", []seen{{"u", 5, 5}, {"v", 2, 7}, {"w", 1, 8}, {"w", 2, 9}}},
		{"created anew with a greater one", []seen{{"u", 2, 2}, {"v", 9, 9}, {"v", 10, 10}}},
		{"first seen late", []seen{{"u", 40, 40}}},
	} {
		routes := &routes{topology: three()}
		for i, s := range c.seen {
			if got := routes.of(cluster.Record{Epoch: s.epoch, Stage: cluster.Serving}, s.uid).Epoch; got != s.want {
				t.Errorf("%s: record %d (%s, epoch %d) has route epoch %d; want %d", c.name, i, s.uid, s.epoch, got, s.want)
			}
		}
	}
}

// TestRoutesOfRandomRecords: a gateway ignores a route of a smaller epoch, so
// none may be; and another reign of the same record is another epoch.
func TestRoutesOfRandomRecords(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 500 {
		routes := &routes{topology: three()}
		uid, epoch, last := 0, cluster.Epoch(1), uint64(0)
		for range 50 {
			switch rng.IntN(4) {
			case 0: // deleted, and created anew
				uid++
				epoch = cluster.Epoch(1 + rng.IntN(5))
			case 1:
				epoch++
			}
			was := last
			last = routes.of(cluster.Record{Epoch: epoch, Stage: cluster.Serving}, strconv.Itoa(uid)).Epoch
			if last < was {
				t.Fatalf("route epoch %d after %d (record %d, epoch %d)", last, was, uid, epoch)
			}
			next := routes.of(cluster.Record{Epoch: epoch + 1, Stage: cluster.Serving}, strconv.Itoa(uid)).Epoch
			if epoch++; next <= last {
				t.Fatalf("the next reign of record %d has route epoch %d after %d; want a greater one", uid, next, last)
			}
			last = next
		}
	}
}
