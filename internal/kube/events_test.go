package kube

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	corev1 "k8s.io/api/core/v1"

	"memgraph-controller/internal/cluster"
	"memgraph-controller/internal/controller"
)

// events returns the Events that the API server has, by "Kind/name reason".
func (w *world) events() map[string]corev1.Event {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	list := map[string]corev1.Event{}
	for _, o := range w.objects["events"] {
		raw, err := json.Marshal(o)
		var e corev1.Event
		if err == nil {
			err = json.Unmarshal(raw, &e)
		}
		if err != nil {
			w.t.Fatal(err)
		}
		list[e.InvolvedObject.Kind+"/"+e.InvolvedObject.Name+" "+e.Reason] = e
	}
	return list
}

// teller starts Events over the pods that there are.
func (w *world) teller() *Events {
	pods := w.Pods(func() {})
	w.begin(pods.Run)
	<-w.watchRecord()
	pass(time.Second)
	e := NewEvents(w.ctx, pods)
	return e
}

func TestEventsAreAboutTheClusterOrANode(t *testing.T) {
	inWorld(t, func(w *world) {
		w.put("configmaps", configMap(reign(1, 0).Encode()))
		w.put("pods", pod(1))
		e := w.teller()
		defer e.Close()
		for _, v := range []controller.News{
			{Topic: "Promoting", Node: cluster.NoNode, Message: "epoch 2: MAIN is gone"},
			{Topic: "Promoting", Node: 1, Message: "epoch 2: MAIN is gone"},
			{Topic: "PromoteFailed", Node: 1, Warning: true, Message: strings.Repeat("é", 3000)},
			{Topic: "Gone", Node: 2, Warning: true, Message: "it has no pod"},
		} {
			e.Tell(v)
			pass(time.Microsecond) // an Event's name is its time
		}
		pass(3 * time.Second)
		got := w.events()
		if len(got) != 4 {
			t.Fatalf("%d Events; want 4: %v", len(got), got)
		}
		m := w.stored()
		if a := got["ConfigMap/state Promoting"]; a.InvolvedObject.UID != m.UID || a.Type != "Normal" || a.Source.Component != "memgraph-controller" || a.Source.Host != "controller-a" || a.Message == "" {
			t.Errorf("Event of the cluster = %+v; want the ConfigMap's UID, or kubectl describe does not show it", a)
		}
		if a := got["Pod/memgraph-1 Promoting"]; a.InvolvedObject.UID != "uid-of-1" {
			t.Errorf("Event of node 1 = %+v; want its pod's UID", a)
		}
		if a := got["Pod/memgraph-1 PromoteFailed"]; a.Type != "Warning" || len(a.Message) > 1024 || !utf8.ValidString(a.Message) {
			t.Errorf("a long warning = %q of %d bytes; want a Warning of at most 1024, not cut inside a letter", a.Type, len(a.Message))
		}
		if _, ok := got["ConfigMap/state Gone"]; !ok {
			t.Errorf("Events %v; want the one of a node without pod at the ConfigMap", got)
		}
	})
}

func TestEventsAreCountedNotRepeated(t *testing.T) {
	inWorld(t, func(w *world) {
		w.put("configmaps", configMap(reign(1, 0).Encode()))
		e := w.teller()
		defer e.Close()
		for range 5 {
			e.Tell(controller.News{Topic: "Serving", Node: cluster.NoNode, Message: "same"})
			pass(time.Minute)
		}
		if got := w.events(); len(got) != 1 || got["ConfigMap/state Serving"].Count != 5 {
			t.Fatalf("Events of five times the same: %v; want one that counts 5", got)
		}
	})
}

func TestFloodOfEventsIsBounded(t *testing.T) {
	inWorld(t, func(w *world) {
		w.put("configmaps", configMap(reign(1, 0).Encode()))
		e := w.teller()
		defer e.Close()
		w.asked("")
		began := time.Now()
		for i := range 5000 {
			e.Tell(controller.News{Topic: "Topic" + strings.Repeat("x", i%50), Node: cluster.NoNode, Message: time.Duration(i).String()})
		}
		if d := time.Since(began); d > 0 {
			t.Errorf("telling took %s; want it not to wait", d)
		}
		pass(5 * time.Minute)
		if n := w.asked(""); n == 0 || n > 60 {
			t.Fatalf("%d requests for 5000 news; want some, and at most 60", n)
		}
	})
}

func TestEventsOfAnOutageAreToldAfterIt(t *testing.T) {
	inWorld(t, func(w *world) {
		w.put("configmaps", configMap(reign(1, 0).Encode()))
		e := w.teller()
		defer e.Close()
		w.down()
		e.Tell(controller.News{Topic: "Serving", Node: cluster.NoNode, Message: "during the outage"})
		pass(40 * time.Second)
		w.up()
		pass(30 * time.Second)
		if got := w.events(); len(got) != 1 {
			t.Fatalf("Events = %v; want the one that was told during an outage of 40s", got)
		}
	})
}

func TestEventsOfLeadership(t *testing.T) {
	inWorld(t, func(w *world) {
		e := w.teller()
		defer e.Close()
		lock := w.Lock(e)
		if err := lock.Create(w.ctx, leaseOf("controller-a")); err != nil {
			t.Fatal(err)
		}
		lock.RecordEvent("became leader")
		pass(time.Second)
		if a, ok := w.events()["Lease/leader LeaderElection"]; !ok || !strings.Contains(a.Message, "controller-a became leader") {
			t.Fatalf("Events = %v; want one at the Lease", w.events())
		}
	})
}

func TestEventsThatMayNotBeToldHarmNobody(t *testing.T) {
	inWorld(t, func(w *world) {
		w.put("configmaps", configMap(reign(1, 0).Encode()))
		e := w.teller()
		w.deny("create events")
		e.Tell(controller.News{Topic: "Serving", Node: cluster.NoNode, Message: "x"})
		pass(time.Minute)
		e.Close()
		e.Tell(controller.News{Topic: "Serving", Node: cluster.NoNode, Message: "after the end"})
		pass(time.Minute)
	})
}
