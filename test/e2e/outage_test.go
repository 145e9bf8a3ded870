//go:build e2e

package e2e

import (
	"context"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"memgraph-controller/internal/sandbox/bench"
)

// Nobody who reads and writes notices that the API server is away.
func TestAPIServerDownForTwoMinutes(t *testing.T) {
	needsLab(t)
	r := shared(t)
	underWrites(t, r, func(l *Load) {
		before := reign(t, r)
		must(t, place.Lab.Stop(t.Context(), "kube-apiserver"))
		time.Sleep(2 * time.Minute)
		must(t, place.Lab.Start(t.Context(), "kube-apiserver"))
		same(t, r, before)
		newLeader(t, r, "", Takeover)
		must(t, r.Settle(t.Context(), settled))
		if l.Failed() > 0 {
			t.Errorf("%d writes were not acknowledged: %s", l.Failed(), l.Errors())
		}
		same(t, r, before)
	})
}

// Without an API server nobody may promote: nobody can know to be the only one to
// do so. Once it is back, the lease, which has run out by then, is won and used.
func TestMainKilledWhileTheAPIServerIsDown(t *testing.T) {
	needsLab(t)
	mainKilledWithoutAPIServer(t, func(leader, main string) bool { return leader != main })
}

// The leader is beside MAIN, and both are lost.
func TestMainAndLeaderKilledWhileTheAPIServerIsDown(t *testing.T) {
	needsLab(t)
	mainKilledWithoutAPIServer(t, func(leader, main string) bool { return leader == main })
}

// mainKilledWithoutAPIServer first sees to it that the machines of leader and MAIN
// are as wanted.
func mainKilledWithoutAPIServer(t *testing.T, wanted func(leader, main string) bool) {
	t.Helper()
	r := shared(t)
	underWrites(t, r, func(l *Load) {
		main := get(t, r.Main)
		machine, err := r.Node(t.Context(), main)
		must(t, err)
		for {
			leader := get(t, r.Leader)
			beside, err := r.Node(t.Context(), leader.Identity)
			must(t, err)
			if wanted(beside, machine) {
				break
			}
			must(t, place.API.CoreV1().Pods(r.Namespace).Delete(t.Context(), leader.Identity, metav1.DeleteOptions{}))
			newLeader(t, r, leader.Identity, Hearing+Takeover) // an outage was in the test before
			must(t, r.Settle(t.Context(), settled))
		}
		must(t, place.Lab.Stop(t.Context(), "kube-apiserver"))
		time.Sleep(20 * time.Second) // leases run out
		// Its kubelet would start it again by itself, and then it would go on.
		must(t, place.Lab.PowerOff(t.Context(), machine))
		time.Sleep(10 * time.Second)
		must(t, place.Lab.Start(t.Context(), "kube-apiserver"))
		var answered time.Time
		must(t, Until(t.Context(), time.Minute, "the API server", func(ctx context.Context) error {
			_, err := r.Record(ctx)
			answered = time.Now()
			return err
		}))
		resumes(t, l, 5*time.Second+Takeover, bench.Blow{Before: answered, After: answered})
		moved(t, r, main)
	})
}
