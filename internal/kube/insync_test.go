package kube

import (
	"context"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"memgraph-controller/internal/cluster"
	"memgraph-controller/internal/controller"
)

// leader publishes a snapshot twice a second, as a loop does, until the test ends
// or quiet is called.
type leader struct {
	gates *Gates
	quiet context.CancelFunc
	now   chan controller.Snapshot
}

// lead starts gates over three pods, and a leader who finds that these are in sync.
func (w *world) lead(in ...cluster.Ordinal) *leader {
	pods := w.Pods(func() {})
	w.begin(pods.Run)
	pass(time.Second)
	l := &leader{gates: NewGates(pods), now: make(chan controller.Snapshot)}
	ctx, cancel := context.WithCancel(w.ctx)
	l.quiet = cancel
	w.begin(l.gates.Run)
	w.wg.Go(func() {
		s := snapshot(in...)
		for {
			l.gates.Publish(s)
			t := time.NewTimer(500 * time.Millisecond)
			select {
			case <-ctx.Done():
				t.Stop()
				return
			case s = <-l.now:
			case <-t.C:
			}
			t.Stop()
		}
	})
	return l
}

// snapshot is one in which these, of three nodes that answer, are in sync.
func snapshot(in ...cluster.Ordinal) controller.Snapshot {
	rec := reign(1, cluster.NoNode)
	rec.Promotable = []cluster.Proof{}
	for _, n := range in {
		rec.Promotable = append(rec.Promotable, cluster.Proof{Node: n})
	}
	s := controller.Snapshot{Record: &rec}
	for range 3 {
		s.Nodes = append(s.Nodes, cluster.Sighting{Contact: cluster.Answered})
	}
	return s
}

// condition returns the status of InSync of a pod, "" if it has none.
func (w *world) condition(n cluster.Ordinal) corev1.ConditionStatus {
	w.t.Helper()
	var p corev1.Pod
	if !w.object("pods", w.podName(n), &p) {
		w.t.Fatalf("there is no pod of node %d", n)
	}
	for _, c := range p.Status.Conditions {
		if c.Type == InSync {
			if c.Reason == "" || c.Message == "" || c.LastTransitionTime.IsZero() {
				w.t.Errorf("condition %+v; want a reason, a message and a time", c)
			}
			return c.Status
		}
	}
	return ""
}

const patchStatus = "patch pods/status"

func TestGatesFollowWhatIsPublished(t *testing.T) {
	inWorld(t, func(w *world) {
		for n := range cluster.Ordinal(3) {
			p := pod(n)
			p.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionFalse}}
			if n == 2 {
				p.Spec.ReadinessGates = nil
			}
			w.put("pods", p)
		}
		l := w.lead(0, 2)
		pass(2 * time.Second)
		if a, b, c := w.condition(0), w.condition(1), w.condition(2); a != corev1.ConditionTrue || b != corev1.ConditionFalse || c != "" {
			t.Fatalf("conditions %q, %q, %q; want True, False, and none where there is no gate", a, b, c)
		}
		if n := w.asked(patchStatus); n != 2 {
			t.Errorf("%d patches; want one for each pod with a gate", n)
		}
		pass(time.Minute)
		if n := w.asked(patchStatus); n != 0 {
			t.Errorf("%d patches in a minute without news; want none", n)
		}
		l.now <- snapshot(1)
		pass(2 * time.Second)
		if a, b := w.condition(0), w.condition(1); a != corev1.ConditionFalse || b != corev1.ConditionTrue {
			t.Fatalf("conditions %q, %q after they changed places; want False, True", a, b)
		}
		var p corev1.Pod
		if w.object("pods", "memgraph-0", &p); len(p.Status.Conditions) != 2 || p.Status.PodIP == "" {
			t.Errorf("status %+v; want what others wrote left as it was", p.Status)
		}
	})
}

func TestGatesOfNodesThatDoNotAnswerAreShut(t *testing.T) {
	inWorld(t, func(w *world) {
		for n := range cluster.Ordinal(3) {
			w.put("pods", pod(n))
		}
		l := w.lead(0, 1, 2)
		pass(2 * time.Second)
		s := snapshot(0, 1, 2)
		s.Nodes[1].Contact, s.Nodes[2].Gone = cluster.Silent, true
		l.now <- s
		pass(2 * time.Second)
		if a, b, c := w.condition(0), w.condition(1), w.condition(2); a != corev1.ConditionTrue || b != corev1.ConditionFalse || c != corev1.ConditionFalse {
			t.Fatalf("conditions %q, %q, %q; want True, and False for the silent and the gone", a, b, c)
		}
	})
}

func TestConditionIsTriedAgainUntilItIsWritten(t *testing.T) {
	for name, how := range outages {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				w.put("pods", pod(0))
				l := w.lead()
				pass(2 * time.Second)
				how.begin(w)
				l.now <- snapshot(0)
				pass(20 * time.Second)
				if n := w.asked(patchStatus); n > 25 {
					t.Errorf("%d patches in an outage of 20s; want at most about one a second", n)
				}
				how.end(w)
				pass(6 * time.Second)
				if got := w.condition(0); got != corev1.ConditionTrue {
					t.Fatalf("condition %q 6s after the outage; want True", got)
				}
			})
		})
	}
}

func TestForbiddenConditionIsToldOnceAndTriedRarely(t *testing.T) {
	inWorld(t, func(w *world) {
		for n := range cluster.Ordinal(3) {
			w.put("pods", pod(n))
		}
		w.deny(patchStatus)
		l := w.lead(0)
		pass(4 * time.Minute)
		if w.log.lines("level=ERROR") != 1 || w.log.lines(`cannot patch resource \"pods/status\"`) != 1 {
			t.Fatalf("the log of a missing right:\n%s\nwant one line that names it", w.log)
		}
		if n := w.asked(patchStatus); n > 3*15 || n < 3*5 {
			t.Errorf("%d patches of three pods in 4m; want between 15 and 45", n)
		}
		l.now <- snapshot(1)
		pass(time.Second)
		if n := w.asked(patchStatus); n != 2 {
			t.Errorf("%d patches after two wishes changed; want 2 at once", n)
		}
		w.allow(patchStatus)
		pass(lastRetry + time.Second)
		if a, b := w.condition(0), w.condition(1); a != corev1.ConditionFalse || b != corev1.ConditionTrue {
			t.Fatalf("conditions %q, %q after the right was granted; want False, True", a, b)
		}
	})
}

func TestConditionIsNotWrittenToTheNextPod(t *testing.T) {
	inWorld(t, func(w *world) {
		w.put("pods", pod(0))
		l := w.lead()
		pass(2 * time.Second)
		w.mu.Lock()
		w.hook = func(verb, resource string) { // it is replaced as the patch is on its way
			if verb+" "+resource != patchStatus {
				return
			}
			w.mu.Lock()
			w.hook = nil
			w.mu.Unlock()
			next := pod(0)
			next.UID = types.UID("another")
			w.take("pods", "memgraph-0")
			w.put("pods", next)
		}
		w.mu.Unlock()
		l.now <- snapshot(0)
		pass(350 * time.Millisecond)
		if got := w.condition(0); got != "" {
			t.Fatalf("the next pod has condition %q from a patch that was meant for the one before", got)
		}
		pass(2 * time.Second)
		if got := w.condition(0); got != corev1.ConditionTrue || strings.Contains(w.log.String(), "API server") {
			t.Fatalf("condition %q of the next pod, and the log:\n%s\nwant True, and nothing said", got, w.log)
		}
	})
}

func TestDeposedLeaderDoesNotHaveTheLastWord(t *testing.T) {
	inWorld(t, func(w *world) {
		w.put("pods", pod(0))
		l := w.lead(0)
		pass(2 * time.Second)
		w.deny(patchStatus)
		l.now <- snapshot()
		pass(2 * time.Second)
		l.quiet()
		pass(stale)
		w.allow(patchStatus)
		pass(time.Minute)
		if got := w.condition(0); got != corev1.ConditionTrue {
			t.Fatalf("condition %q; want True, as the leader before left it", got)
		}
	})
}
