package controller

import (
	"testing"
	"testing/synctest"
	"time"

	"memgraph-controller/internal/cluster"
)

// TestPeersAreHeardHoweverShortTheGrace: the first unanswered look ends after a
// grace that is shorter than a look.
func TestPeersAreHeardHoweverShortTheGrace(t *testing.T) {
	for _, sees := range []cluster.Contact{cluster.Answered, cluster.Silent} {
		t.Run(sees.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				others := (&peers{takes: 300 * time.Millisecond}).see(sees)
				w, x := serving(t, 3, func(o *Options) { o.Peers, o.Policy.FailAfter = others, 500*time.Millisecond })
				heard := mute(w, x)
				pass(10 * time.Second)
				if sees == cluster.Answered {
					w.never(t, heard, "a: ")
					return
				}
				w.standing(t, 2, 1)
				if took := w.when(t, heard, "a: epoch 2 promoting main 1"); took > 2*time.Second {
					t.Fatalf("failover %s after MAIN's last answer; want it as soon as the peers are heard", took)
				}
			})
		})
	}
}

// TestPeersAreHeardAfterABlockedWrite: a loop that waited for the API all through
// the grace has asked nobody yet.
func TestPeersAreHeardAfterABlockedWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, x := serving(t, 3, func(o *Options) { o.Peers = new(peers).see(cluster.Answered) })
		x.records.frozen.Store(true)
		x.RecordChanged()
		pass(10 * pace)
		from := time.Now()
		w.change(0, func(s *server) { s.mute = true })
		time.Sleep(4 * time.Second)
		x.records.frozen.Store(false)
		pass(time.Minute)
		w.never(t, from, "a: ")
		w.standing(t, 1, 0)
	})
}
