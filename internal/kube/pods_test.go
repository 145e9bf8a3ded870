package kube

import (
	"context"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"memgraph-controller/internal/cluster"
	"memgraph-controller/internal/controller"
)

const running = "uid-of-1/0123456789ab"

// main is the status of the Memgraph container of a pod.
func mainContainer(p *corev1.Pod) *corev1.ContainerStatus { return &p.Status.ContainerStatuses[1] }

func TestWhatAPodSaysOfItsNode(t *testing.T) {
	known := controller.NodeState{Process: cluster.Process{ID: running, Boot: "boot-1"}}
	gone := controller.NodeState{Gone: true}
	nameless := known
	nameless.Process.Boot = ""
	leaving := known
	leaving.Leaving = true
	for name, c := range map[string]struct {
		change func(p *corev1.Pod)
		want   controller.NodeState
	}{
		"runs":    {func(*corev1.Pod) {}, known},
		"docker":  {func(p *corev1.Pod) { mainContainer(p).ContainerID = "docker://0123456789ab0000" }, known},
		"leaving": {func(p *corev1.Pod) { now := metav1.Now(); p.DeletionTimestamp = &now }, leaving},
		"not ready, and nobody's business": {func(p *corev1.Pod) {
			mainContainer(p).Ready = false
			p.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionFalse}}
		}, known},
		"restarted": {func(p *corev1.Pod) {
			mainContainer(p).ContainerID, mainContainer(p).RestartCount = "containerd://fedcba9876543210", 1
		}, controller.NodeState{Process: cluster.Process{ID: "uid-of-1/fedcba987654", Boot: "boot-1"}}},
		"between two runs": {func(p *corev1.Pod) {
			mainContainer(p).State = corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff"}}
		}, gone},
		"ended": {func(p *corev1.Pod) {
			mainContainer(p).State = corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: 137}}
		}, gone},
		"ended while leaving": {func(p *corev1.Pod) {
			now := metav1.Now()
			p.DeletionTimestamp = &now
			mainContainer(p).State = corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{}}
		}, controller.NodeState{Gone: true, Leaving: true}},
		"evicted":             {func(p *corev1.Pod) { p.Status.Phase = corev1.PodFailed }, gone},
		"not scheduled yet":   {func(p *corev1.Pod) { p.Status = corev1.PodStatus{Phase: corev1.PodPending} }, gone},
		"no init container":   {func(p *corev1.Pod) { p.Status.InitContainerStatuses = nil }, nameless},
		"init container runs": {func(p *corev1.Pod) { p.Status.InitContainerStatuses[0].State.Terminated = nil }, nameless},
		"no boot id told":     {func(p *corev1.Pod) { p.Status.InitContainerStatuses[0].State.Terminated.Message = "" }, nameless},
		"garbage for a boot id": {func(p *corev1.Pod) {
			p.Status.InitContainerStatuses[0].State.Terminated.Message = `{"bootID":["x"]}`
		}, nameless},
		"a novel for a boot id": {func(p *corev1.Pod) {
			p.Status.InitContainerStatuses[0].State.Terminated.Message = `{"bootID":"` + strings.Repeat("x", 65) + `"}`
		}, nameless},
		"a container without id": {
			func(p *corev1.Pod) { mainContainer(p).ContainerID = "" },
			controller.NodeState{Process: cluster.Process{ID: "uid-of-1/", Boot: "boot-1"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				p := pod(1)
				c.change(&p)
				w.put("pods", p)
				pods := w.Pods(func() {})
				w.begin(pods.Run)
				pass(time.Second)
				if got := pods.State(1); got != c.want {
					t.Fatalf("State = %+v; want %+v", got, c.want)
				}
			})
		})
	}
}

func TestWhatWasMovedAsideIsRead(t *testing.T) {
	const one = `{"name":"20261123T120000.000000Z-rebuild","bytes":7}`
	known := cluster.Aside{More: 2}
	known.Newest[0] = cluster.Copy{Name: "20261123T120000.000000Z-rebuild", Since: time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC), Bytes: 7}
	for list, want := range map[string]cluster.Aside{
		``:                                      {}, // what an earlier init container tells
		`,"aside":[` + one + `],"asideMore":2`:  known,
		`,"aside":[` + one + `],"asideMore":-1`: {},
		`,"aside":[{"name":"20261123T120000.000000Z-rebuild","bytes":-7}]`:    {},
		`,"aside":[{"name":"20261123T120000.000000Z-rebuild","bytes":1e300}]`: {},
		`,"aside":[{"name":"../20261123T120000.000000Z-rebuild"}]`:            {},
		`,"aside":[{"name":"` + strings.Repeat("x", 4000) + `"}]`:             {},
		`,"aside":[{}]`:   {},
		`,"aside":"none"`: {},
		`,"aside":[` + strings.Repeat(one+",", cluster.AsideListed) + one + `]`: {},
	} {
		p := pod(1)
		p.Status.InitContainerStatuses[0].State.Terminated.Message = `{"bootID":"boot-1"` + list + `}`
		got := (&Cluster{Options: Options{Container: "memgraph"}}).view(&p).state
		if got.Aside != want || got.Process.Boot != "boot-1" {
			t.Errorf("%.100s gives %+v of boot %q; want %+v", list, got.Aside, got.Process.Boot, want)
		}
	}
}

func TestNotKnownIsNotGone(t *testing.T) {
	inWorld(t, func(w *world) {
		w.down()
		pods := w.Pods(func() {})
		w.begin(pods.Run)
		pass(time.Minute)
		for _, n := range []cluster.Ordinal{0, 2, 3, cluster.NoNode} {
			if got := pods.State(n); got != (controller.NodeState{}) {
				t.Fatalf("State(%d) before the API server has told anything = %+v; want nothing", n, got)
			}
		}
		w.up()
		pass(soonAfter)
		if got := pods.State(0); !got.Gone {
			t.Fatalf("State of a pod that does not exist = %+v; want gone", got)
		}
		if got := pods.State(3); got != (controller.NodeState{}) {
			t.Fatalf("State of a node that the cluster does not have = %+v; want nothing", got)
		}
		w.put("pods", pod(0))
		pass(time.Second)
		w.down()
		pass(2 * time.Minute)
		if got := pods.State(0); got.Process.ID == "" || got.Gone {
			t.Fatalf("State 2m into an outage = %+v; want what was last told", got)
		}
	})
}

func TestOnlyNewsOfPodsIsTold(t *testing.T) {
	inWorld(t, func(w *world) {
		told := make(chan struct{}, 1000)
		pods := w.Pods(func() { told <- struct{}{} })
		p := pod(1)
		w.put("pods", p)
		w.begin(pods.Run)
		pass(time.Second)
		count := func() int {
			pass(time.Second)
			n := len(told)
			for range n {
				<-told
			}
			return n
		}
		count()
		p.Annotations = map[string]string{"some": "thing"}
		p.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}
		w.put("pods", p)
		if n := count(); n != 0 {
			t.Errorf("%d calls for a pod's annotation and readiness; want none", n)
		}
		for what, change := range map[string]func(){
			"its address":   func() { p.Status.PodIP = "10.1.0.99"; w.put("pods", p) },
			"its container": func() { mainContainer(&p).ContainerID = "containerd://99"; w.put("pods", p) },
		} {
			if change(); count() != 1 {
				t.Errorf("want one call for %s", what)
			}
		}
		if w.take("pods", "memgraph-1"); count() != 1 || !pods.State(1).Gone {
			t.Error("want one call for its end")
		}
		if w.put("pods", pod(7)); count() != 0 {
			t.Error("want no call for a pod that is no node of ours")
		}
	})
}

func TestRestartDeletesThePodThatIsSeen(t *testing.T) {
	inWorld(t, func(w *world) {
		pods := w.Pods(func() {})
		if err := pods.Restart(w.ctx, 1); err == nil || !strings.Contains(err.Error(), "memgraph-1") {
			t.Fatalf("Restart of a pod nobody knows: %v; want an error that names it", err)
		}
		w.put("pods", pod(1))
		w.begin(pods.Run)
		pass(time.Second)
		w.deny("delete pods")
		if err := pods.Restart(w.ctx, 1); err == nil || !strings.Contains(err.Error(), `cannot delete resource "pods"`) || !strings.Contains(err.Error(), "Role") {
			t.Fatalf("Restart without the right: %v; want verb, resource and where to look", err)
		}
		w.allow("delete pods")
		if err := pods.Restart(w.ctx, 1); err != nil {
			t.Fatal(err)
		}
		w.mu.Lock()
		o := w.deletes[0]
		w.mu.Unlock()
		if o.Preconditions == nil || o.Preconditions.UID == nil || *o.Preconditions.UID != "uid-of-1" || o.GracePeriodSeconds == nil || *o.GracePeriodSeconds != 1 {
			t.Fatalf("deleted with %+v; want the UID that was seen and 1s", o)
		}
	})
}

// TestRestartSparesTheNextPod: it is deleted and made anew while the watch is away.
func TestRestartSparesTheNextPod(t *testing.T) {
	inWorld(t, func(w *world) {
		w.put("pods", pod(1))
		ctx, cancel := context.WithCancel(w.ctx)
		pods := w.Pods(func() {})
		w.wg.Go(func() { pods.Run(ctx) })
		pass(time.Second)
		cancel()
		pass(time.Second)
		w.take("pods", "memgraph-1")
		if err := pods.Restart(w.ctx, 1); err != nil {
			t.Fatalf("Restart of a pod that is gone already: %v; want nil", err)
		}
		next := pod(1)
		next.UID = "another"
		w.put("pods", next)
		if err := pods.Restart(w.ctx, 1); err != nil {
			t.Fatalf("Restart of a pod that is another one already: %v; want nil", err)
		}
		var still corev1.Pod
		if !w.object("pods", "memgraph-1", &still) || still.UID != "another" {
			t.Fatal("the pod that came after the one that was seen was deleted")
		}
	})
}

// TestRefreshIsAheadOfTheWatch: the watch is away, and what it brings later is older
// than what was asked for.
func TestRefreshIsAheadOfTheWatch(t *testing.T) {
	inWorld(t, func(w *world) {
		p := pod(1)
		w.put("pods", p)
		ctx, cancel := context.WithCancel(w.ctx)
		pods := w.Pods(func() {})
		w.wg.Go(func() { pods.Run(ctx) })
		pass(time.Second)
		cancel()
		pass(time.Second)
		before := pods.State(1)
		if !before.AsOf.IsZero() {
			t.Fatalf("State from a watch is as of %s; want nothing said of its age", before.AsOf)
		}
		seen := pods.pod(1)
		mainContainer(&p).ContainerID = "containerd://after-the-reboot"
		w.put("pods", p)
		w.down()
		if err := pods.Refresh(w.ctx, 1); err == nil || pods.State(1) != before {
			t.Fatalf("Refresh while the API server is down: %v, %+v; want an error and no change", err, pods.State(1))
		}
		w.up()
		asked := time.Now()
		if err := pods.Refresh(w.ctx, 1); err != nil {
			t.Fatal(err)
		}
		after := pods.State(1)
		if after.Process == before.Process || after.AsOf.Before(asked.Add(-kubeletLag)) {
			t.Fatalf("State after Refresh = %+v; want the new process, as of %s less the kubelet's lag, or later", after, asked)
		}
		pods.mirrors[1].put(seen)
		if got := pods.State(1); got != after {
			t.Fatalf("State after the watch has brought what was before = %+v; want %+v", got, after)
		}
		if err := pods.Refresh(w.ctx, 2); err == nil || !strings.Contains(err.Error(), "memgraph-2") {
			t.Fatalf("Refresh of a pod that does not exist: %v; want an error that names it", err)
		}
	})
}

func TestAddressIsThePodsOwn(t *testing.T) {
	inWorld(t, func(w *world) {
		w.put("pods", pod(1))
		p := pod(2)
		p.Status.PodIP = ""
		w.put("pods", p)
		v6 := pod(0)
		v6.Status.PodIP = "fd00::5"
		w.put("pods", v6)
		pods := w.Pods(func() {})
		w.begin(pods.Run)
		pass(time.Second)
		for addr, want := range map[string]string{
			"memgraph-1.memgraph.ns.svc:7687":  "10.1.0.2:7687",
			"memgraph-1:10000":                 "10.1.0.2:10000",
			"memgraph-0.memgraph.ns.svc:7687":  "[fd00::5]:7687",
			"memgraph-2.memgraph.ns.svc:7687":  "memgraph-2.memgraph.ns.svc:7687",
			"memgraph-3.memgraph.ns.svc:7687":  "memgraph-3.memgraph.ns.svc:7687",
			"memgraph-10.memgraph.ns.svc:7687": "memgraph-10.memgraph.ns.svc:7687",
			"xmemgraph-1.memgraph.ns.svc:7687": "xmemgraph-1.memgraph.ns.svc:7687",
			"10.9.9.9:7687":                    "10.9.9.9:7687",
			"no port":                          "no port",
			"":                                 "",
		} {
			if got := pods.Address(addr); got != want {
				t.Errorf("Address(%q) = %q; want %q", addr, got, want)
			}
		}
		p.Status.PodIP = "10.1.0.77"
		w.put("pods", p)
		pass(time.Second)
		if got := pods.Address("memgraph-2.memgraph.ns.svc:7687"); got != "10.1.0.77:7687" {
			t.Errorf("Address after the pod got an IP = %q; want it", got)
		}
	})
}
