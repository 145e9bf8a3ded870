package kube

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"memgraph-controller/internal/cluster"
	"memgraph-controller/internal/election"
)

// soonAfter is how soon what has changed during an outage must be known after it.
const soonAfter = 2 * time.Second

// outages are ways to be away.
var outages = map[string]struct{ begin, end func(w *world) }{
	"refused": {(*world).down, (*world).up},
	"etcd":    {func(w *world) { w.fail(http.StatusInternalServerError); w.line.cut() }, func(w *world) { w.fail(0) }},
	"crowded": {func(w *world) { w.fail(http.StatusTooManyRequests); w.line.cut() }, func(w *world) { w.fail(0) }},
	"starting": {
		func(w *world) { w.fail(http.StatusServiceUnavailable); w.line.cut() },
		func(w *world) { w.fail(0) },
	},
	"frozen": {
		func(w *world) { w.freeze(); w.line.cut() }, // what the pings of HTTP/2 do, see TestDeadConnection
		func(w *world) { w.thaw() },
	},
}

func TestWatchGoesOnSoonAfterAnOutage(t *testing.T) {
	for name, how := range outages {
		for _, long := range []time.Duration{3 * time.Second, 40 * time.Second, 10 * time.Minute} {
			if long > time.Minute && name != "refused" {
				continue // the same, at length
			}
			t.Run(fmt.Sprintf("%s for %s", name, long), func(t *testing.T) {
				inWorld(t, func(w *world) {
					w.put("configmaps", configMap(reign(1, 0).Encode()))
					seen := w.watchRecord()
					<-seen
					how.begin(w)
					pass(long / 2)
					w.put("configmaps", configMap(reign(2, 1).Encode()))
					pass(long / 2)
					how.end(w)
					ended := time.Now()
					if s := <-seen; s.epoch != 2 || time.Since(ended) > soonAfter {
						t.Fatalf("%s after the end of the outage the watch tells %+v; want epoch 2 within %s", time.Since(ended), s, soonAfter)
					}
					pass(time.Second)
					if name == "frozen" {
						return // nothing has failed here; the pings that end it are those of HTTP/2
					}
					if w.log.lines("level=WARN msg=\"API server does not answer") != 1+int(long/(repeat+time.Minute)) || w.log.lines("answers again") != 1 || w.log.lines("ERROR") != 0 {
						t.Fatalf("the log of one outage:\n%s\nwant its begin once in %s, its end once, no error", w.log, repeat)
					}
				})
			})
		}
	}
}

func TestWatchListsAgainWhenItsVersionHasExpired(t *testing.T) {
	inWorld(t, func(w *world) {
		w.put("configmaps", configMap(reign(1, 0).Encode()))
		seen := w.watchRecord()
		<-seen
		w.down()
		w.take("configmaps", "state")
		w.put("configmaps", configMap(reign(2, 1).Encode()))
		w.mu.Lock()
		w.oldest = w.version
		w.mu.Unlock()
		pass(time.Minute)
		w.up()
		ended := time.Now()
		if s := <-seen; s.epoch != 2 || time.Since(ended) > soonAfter {
			t.Fatalf("%s after the outage the watch tells %+v; want epoch 2 within %s", time.Since(ended), s, soonAfter)
		}
		w.down()
		w.take("configmaps", "state")
		w.mu.Lock()
		w.oldest = w.version
		w.mu.Unlock()
		w.up()
		if s := <-seen; !s.none {
			t.Fatalf("a record that was deleted unseen: %+v; want none", s)
		}
		if w.log.lines("ERROR") != 0 {
			t.Fatalf("an expired version is ordinary, and the log says:\n%s", w.log)
		}
	})
}

// TestFlappingServerIsNotWaitedFor: a watch that ends as soon as it begins makes
// client-go wait longer each time, unless it is told not to.
func TestFlappingServerIsNotWaitedFor(t *testing.T) {
	inWorld(t, func(w *world) {
		w.put("configmaps", configMap(reign(1, 0).Encode()))
		seen := w.watchRecord()
		<-seen
		for range 150 {
			w.line.cut()
			pass(900 * time.Millisecond)
		}
		w.put("configmaps", configMap(reign(2, 0).Encode()))
		began := time.Now()
		if s := <-seen; s.epoch != 2 || time.Since(began) > soonAfter {
			t.Fatalf("%s after the last cut the watch tells %+v; want epoch 2 within %s", time.Since(began), s, soonAfter)
		}
	})
}

func TestForbiddenWatchIsToldOnceAndGoesOnWhenAllowed(t *testing.T) {
	for _, right := range []string{"list configmaps", "watch configmaps"} {
		inWorld(t, func(w *world) {
			w.put("configmaps", configMap(reign(1, 0).Encode()))
			w.deny(right)
			seen := w.watchRecord()
			pass(4 * time.Minute)
			verb := strings.Fields(right)[0]
			if w.log.lines("API server refuses") != 1 || w.log.lines("cannot "+verb+` resource \"configmaps\"`) != 1 || w.log.lines("describe role") != 1 {
				t.Fatalf("the log of a missing right:\n%s\nwant one line with verb, resource and the next step", w.log)
			}
			if n := w.asked(right); n > 30 {
				t.Fatalf("asked %d times in 4m what is refused; want at most 30", n)
			}
			w.allow(right)
			pass(refusalPause + soonAfter)
			w.put("configmaps", configMap(reign(2, 0).Encode()))
			pass(time.Second)
			var last sighting
			for len(seen) > 0 {
				last = <-seen
			}
			if last.epoch != 2 {
				t.Fatalf("after the right to %s was granted the watch tells %+v; want epoch 2\n%s", right, last, w.log)
			}
		})
	}
}

func TestQuietClusterAsksNothing(t *testing.T) {
	inWorld(t, func(w *world) {
		w.put("configmaps", configMap(reign(1, 0).Encode()))
		w.put("pods", controllerPod("controller-a", "10.0.0.1"))
		for n := range cluster.Ordinal(3) {
			w.put("pods", pod(n))
		}
		<-w.watchRecord()
		pods, peers := w.Pods(func() {}), w.Peers()
		w.begin(pods.Run)
		w.begin(peers.Run)
		pass(time.Minute)
		w.asked("")
		pass(time.Hour)
		if n := w.asked(""); n > 5*13 {
			t.Fatalf("%d requests in a quiet hour; want at most one per watch in 5 minutes", n)
		}
		if w.log.String() != "" {
			t.Fatalf("a quiet cluster logs:\n%s", w.log)
		}
	})
}

func TestWatchStopsAtOnce(t *testing.T) {
	for _, begin := range []func(w *world){(*world).down, (*world).freeze, func(w *world) { w.deny("list configmaps") }, func(*world) {}} {
		inWorld(t, func(w *world) {
			begin(w)
			ctx, cancel := context.WithCancel(w.ctx)
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				w.Records(nil).Watch(ctx, func(*cluster.Record, string) {})
			}()
			pass(30 * time.Second)
			cancel()
			at := time.Now()
			<-ended
			if d := time.Since(at); d > 0 {
				t.Fatalf("the watch ended %s after it was told to", d)
			}
		})
	}
}

// leads starts an election of c and returns a channel of the moments at which terms begin.
func (w *world) leads(c *Cluster) chan time.Time {
	w.t.Helper()
	began := make(chan time.Time, 100)
	e, err := election.New(c.Lock(nil), election.DefaultTiming(), slog.New(slog.DiscardHandler))
	if err != nil {
		w.t.Fatal(err)
	}
	w.begin(func(ctx context.Context) {
		err := e.Run(ctx, func(ctx context.Context) {
			began <- time.Now()
			<-ctx.Done()
		})
		if err != nil {
			w.t.Error(err)
		}
	})
	return began
}

func TestTermBeginsSoonAfterAnOutage(t *testing.T) {
	for name, how := range outages {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				terms := w.leads(w.Cluster)
				<-terms
				for i := range 3 {
					how.begin(w)
					pass(time.Minute + time.Duration(i)*377*time.Millisecond)
					how.end(w)
					ended := time.Now()
					if d := (<-terms).Sub(ended); d < 0 || d > soonAfter {
						t.Fatalf("a term began %s after the outage; want within %s", d, soonAfter)
					}
					pass(20 * time.Second)
				}
			})
		})
	}
}

// TestAnotherTakesOverAfterAnOutage: the leader has died in it.
func TestAnotherTakesOverAfterAnOutage(t *testing.T) {
	inWorld(t, func(w *world) {
		// Whoever died holds the lease.
		dead := w.controller("controller-dead").Lock(nil)
		for i := range 5 {
			w.take("leases", "leader")
			if err := dead.Create(w.ctx, leaseOf("controller-dead")); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(w.ctx)
			began := make(chan time.Time, 10)
			e, err := election.New(w.Lock(nil), election.DefaultTiming(), slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				if err := e.Run(ctx, func(ctx context.Context) { began <- time.Now(); <-ctx.Done() }); err != nil {
					t.Error(err)
				}
			}()
			pass(5 * time.Second)
			w.down()
			pass(time.Minute + time.Duration(i)*377*time.Millisecond)
			w.up()
			at := time.Now()
			if d := (<-began).Sub(at); d < 0 || d > 5500*time.Millisecond {
				t.Errorf("another leads %s after the outage; want within 5.5s", d)
			}
			cancel()
			<-ended
		}
	})
}

func TestOutageShorterThanTheRenewDeadlineCostsNoTerm(t *testing.T) {
	inWorld(t, func(w *world) {
		terms := w.leads(w.Cluster)
		<-terms
		for range 5 {
			w.down()
			pass(7 * time.Second)
			w.up()
			pass(10 * time.Second)
		}
		if len(terms) != 0 {
			t.Fatalf("%d more terms began; want the first to go on through outages of 7s", len(terms))
		}
	})
}

func TestLeaseIsReleasedAndCostsHalfARequestASecond(t *testing.T) {
	inWorld(t, func(w *world) {
		<-w.leads(w.Cluster)
		other := w.leads(w.controller("controller-b"))
		pass(time.Minute)
		w.asked("")
		pass(3 * time.Minute)
		if n := w.asked(""); n > 180 {
			t.Fatalf("leader and challenger asked %d times in 3m; want at most one a second", n)
		}
		if len(other) != 0 {
			t.Fatal("two lead at once")
		}
		var lease struct {
			Spec struct {
				HolderIdentity       string
				LeaseDurationSeconds int
			}
		}
		if !w.object("leases", "leader", &lease) || lease.Spec.HolderIdentity != "controller-a" || lease.Spec.LeaseDurationSeconds != 15 {
			t.Fatalf("lease = %+v; want controller-a for 15s", lease)
		}
	})
}
