package kube

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"memgraph-controller/internal/cluster"
)

func TestPeersAreThePodsOfTheSameDeployment(t *testing.T) {
	inWorld(t, func(w *world) {
		w.put("pods", controllerPod("controller-a", "10.0.0.1"))
		w.put("pods", controllerPod("controller-b", "10.0.0.2"))
		waits := controllerPod("controller-c", "10.0.0.3")
		waits.Status.Phase = corev1.PodPending
		w.put("pods", waits)
		w.put("pods", controllerPod("controller-d", ""))
		other := controllerPod("other-release", "10.0.0.9")
		other.Labels["app.kubernetes.io/instance"] = "another"
		w.put("pods", other)
		w.put("pods", pod(1))
		p := w.Peers()
		if got := p.addresses(); got != nil {
			t.Fatalf("addresses before anything is known: %v; want none", got)
		}
		w.down()
		w.begin(p.Run)
		pass(time.Minute)
		w.up()
		pass(2 * soonAfter)
		if got := fmt.Sprint(p.addresses()); got != "[10.0.0.2:8080]" {
			t.Fatalf("addresses = %s; want the other one that runs and has an address", got)
		}
		w.take("pods", "controller-b")
		waits.Status.Phase = corev1.PodRunning
		w.put("pods", waits)
		pass(time.Second)
		if got := fmt.Sprint(p.addresses()); got != "[10.0.0.3:8080]" {
			t.Fatalf("addresses = %s after a rollout; want [10.0.0.3:8080]", got)
		}
	})
}

func TestPodWithoutLabelsHasNoPeers(t *testing.T) {
	inWorld(t, func(w *world) {
		self := controllerPod("controller-a", "10.0.0.1")
		self.Labels = map[string]string{"pod-template-hash": "x"}
		w.put("pods", self)
		w.put("pods", pod(1))
		p := w.Peers()
		w.begin(p.Run)
		pass(time.Minute)
		if got := p.addresses(); len(got) != 0 {
			t.Fatalf("addresses = %v; want none", got)
		}
	})
}

func TestPeersWithoutTheRightSaySoOnce(t *testing.T) {
	inWorld(t, func(w *world) {
		w.put("pods", controllerPod("controller-a", "10.0.0.1"))
		w.put("pods", controllerPod("controller-b", "10.0.0.2"))
		w.deny("get pods")
		p := w.Peers()
		w.begin(p.Run)
		pass(3 * time.Minute)
		if w.log.lines("level=ERROR") != 1 || w.log.lines(`cannot get resource \"pods\"`) != 1 {
			t.Fatalf("log:\n%s\nwant one line that names the right", w.log)
		}
		w.allow("get pods")
		pass(time.Minute)
		if got := p.addresses(); len(got) != 1 {
			t.Fatalf("addresses = %v after the right was granted; want one", got)
		}
	})
}

// TestAskHearsThoseThatAnswer asks real servers, each at an address of its own.
func TestAskHearsThoseThatAnswer(t *testing.T) {
	port := 0
	serve := func(ip string, h http.HandlerFunc) {
		t.Helper()
		l, err := net.Listen("tcp", net.JoinHostPort(ip, strconv.Itoa(port)))
		if err != nil {
			t.Fatal(err)
		}
		port = l.Addr().(*net.TCPAddr).Port
		s := httptest.NewUnstartedServer(h)
		_ = s.Listener.Close()
		s.Listener = l
		s.Start()
		t.Cleanup(s.Close)
	}
	say := func(text string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			q := r.URL.Query()
			of2, ofNone := q.Get("node") == "2" && q.Get("epoch") == "9", q.Get("node") == "0" && q.Get("look") == "no"
			if r.URL.Path != "/api/v1/opinion" || !of2 && !ofNone {
				t.Errorf("asked for %s; want the opinion of node 2, or one without a look", r.URL)
			}
			if ofNone {
				text = strings.Replace(text, "silent", "not probed", 1)
			}
			fmt.Fprint(w, text)
		}
	}
	stop := make(chan struct{})
	serve("127.0.0.2", say(`{"from":"b","contact":"silent"}`))
	serve("127.0.0.3", say(`{"from":"c","contact":"answered"}`))
	serve("127.0.0.4", say(`{"from":"d","contact":"hungry"}`))
	serve("127.0.0.5", say(`<html>`))
	serve("127.0.0.6", say(`{"from":"`+strings.Repeat("f", 5000)+`","contact":"answered"}`))
	serve("127.0.0.7", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusInternalServerError) })
	serve("127.0.0.8", func(http.ResponseWriter, *http.Request) { <-stop })
	defer close(stop)

	c := &Cluster{Options: Options{Namespace: "ns", Pod: "a", HTTPPort: port}}
	p := c.Peers()
	m := newMirror[*corev1.Pod, *corev1.PodList](c, nil, nil, nil)
	m.changed = func(*corev1.Pod, bool) {}
	for i := 2; i <= 9; i++ { // at 9 nobody listens
		peer := controllerPod("c"+strconv.Itoa(i), "127.0.0."+strconv.Itoa(i))
		if err := m.Add(&peer); err != nil {
			t.Fatal(err)
		}
	}
	p.mirror.Store(m)
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	began := time.Now()
	heard := map[string]cluster.Contact{}
	for _, o := range p.Ask(ctx, 2, 9) {
		heard[o.From] = o.Contact
	}
	if len(heard) != 2 || heard["b"] != cluster.Silent || heard["c"] != cluster.Answered {
		t.Fatalf("heard %v; want what b and c say, and nothing of those that are broken", heard)
	}
	ctx, cancel = context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if got := p.Ask(ctx, cluster.NoNode, 0); len(got) != 2 {
		t.Fatalf("without a look heard %v; want b and c", got)
	}
	if d := time.Since(began); d > 3*time.Second {
		t.Fatalf("asking took %s; want it to end with its context", d)
	}
}
