//go:build chart

package chart

import (
	"slices"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
)

func TestControllers(t *testing.T) {
	r := render(t, "defaults")
	if n := *deployment(t, r).Spec.Replicas; n != 3 {
		t.Errorf("%d controllers, want 3: each is a door, and two others give a second opinion", n)
	}
	if n := *deployment(t, render(t, "one-controller")).Spec.Replicas; n != 1 {
		t.Errorf("controller.replicas=1 makes %d controllers", n)
	}
	if strategy := deployment(t, r).Spec.Strategy; strategy.Type != appsv1.RollingUpdateDeploymentStrategyType || strategy.RollingUpdate.MaxUnavailable.IntValue() != 1 {
		t.Errorf("controllers are replaced %s: clients of more than one at a time would lose their connection", jsonOf(t, strategy))
	}
}

// Two names are fixed: tools and earlier deployments look for them.
func TestFixedNames(t *testing.T) {
	settings := env(controller(t, render(t, "defaults")))
	if settings["LEASE_NAME"].Value != "memgraph-controller-leader" || settings["STATE_CONFIGMAP"].Value != "memgraph-controller-state" {
		t.Errorf("Lease %q and ConfigMap %q are not those agreed", settings["LEASE_NAME"].Value, settings["STATE_CONFIGMAP"].Value)
	}
}

// A second release of a namespace has its own; the Deployment's annotations tell a
// third one that they are taken.
func TestNamesReachTheController(t *testing.T) {
	for set, want := range map[string][2]string{
		"defaults":     {"memgraph-controller-state", "memgraph-controller-leader"},
		"custom-names": {"orders-state", "orders-leader"},
		"number-names": {"1e3", "true"},
	} {
		r := render(t, set)
		settings, notes := env(controller(t, r)), deployment(t, r).Annotations
		if got := [2]string{settings["STATE_CONFIGMAP"].Value, settings["LEASE_NAME"].Value}; got != want {
			t.Errorf("%s: the controller is told %v, want %v", set, got, want)
		}
		if got := [2]string{notes["memgraph-controller/state"], notes["memgraph-controller/lease"]}; got != want {
			t.Errorf("%s: other releases are told %v, want %v", set, got, want)
		}
	}
}

func TestCustomNames(t *testing.T) {
	r := render(t, "custom-names")
	if statefulSet(t, r).Name != "orders-memgraph" || deployment(t, r).Name != "orders-controller" || !has[*corev1.Service](r, "orders-gateway") || !has[*corev1.Service](r, "orders-gateway-read") {
		t.Error("fullnameOverride does not begin every name")
	}
	if accounts := all[*corev1.ServiceAccount](r); len(accounts) != 0 {
		t.Errorf("%d ServiceAccounts are made beside those named", len(accounts))
	}
	if a := deployment(t, r).Spec.Template.Spec.ServiceAccountName; a != "orders-controllers" {
		t.Errorf("controllers run as %s", a)
	}
	if a := statefulSet(t, r).Spec.Template.Spec.ServiceAccountName; a != "orders-database" {
		t.Errorf("nodes run as %s", a)
	}
	// The user is the same wherever Memgraph is asked: in its own pods, where it is
	// made, in the controller, and in the pod of helm test.
	for _, c := range []corev1.Container{memgraph(t, r), controller(t, r), one[*corev1.Pod](t, r, "orders-test").Spec.Containers[0]} {
		for variable, key := range map[string]string{"MEMGRAPH_USER": "user.name", "MEMGRAPH_PASSWORD": "pass_word"} {
			from := env(c)[variable].ValueFrom
			if from == nil || from.SecretKeyRef == nil || from.SecretKeyRef.Name != "orders-memgraph" || from.SecretKeyRef.Key != key {
				t.Errorf("%s of %s comes from %s", variable, c.Name, jsonOf(t, from))
			}
		}
	}
}

// The init container follows the controller's image, unless it is pinned so that
// an upgrade of the controllers restarts no database.
func TestImages(t *testing.T) {
	for _, c := range []struct {
		flags                       []string
		controller, init, probe     string
		pull, initPull, memgraphTag string
	}{
		{nil, "memgraph-controller:dev", "memgraph-controller:dev", "memgraph-controller:dev", "IfNotPresent", "IfNotPresent", "memgraph/memgraph:3.12.0"},
		{
			[]string{"--set", "controller.image.tag=v2,controller.image.pullPolicy=Always,image.tag=3.13.0"},
			"memgraph-controller:v2", "memgraph-controller:v2", "memgraph-controller:v2", "Always", "Always", "memgraph/memgraph:3.13.0",
		},
		{
			[]string{"--set", "controller.image.tag=v2,memgraph.prepareNode.image.tag=v1,controller.image.repository=r.example/c"},
			"r.example/c:v2", "r.example/c:v1", "r.example/c:v2", "IfNotPresent", "IfNotPresent", "memgraph/memgraph:3.12.0",
		},
	} {
		r := with(t, c.flags...)
		probe := one[*corev1.Pod](t, r, "mg-test").Spec.Containers[0]
		got := []string{controller(t, r).Image, prepareNode(t, r).Image, probe.Image, string(controller(t, r).ImagePullPolicy), string(prepareNode(t, r).ImagePullPolicy), memgraph(t, r).Image}
		if want := []string{c.controller, c.init, c.probe, c.pull, c.initPull, c.memgraphTag}; !slices.Equal(got, want) {
			t.Errorf("%v: images of controller, init container, test, pull policies, Memgraph:\n%q\nwant\n%q", c.flags, got, want)
		}
	}
}

// A controller is alive while it answers at all, and ready when it knows whom to
// send clients to: a Service must not lead to one that does not.
func TestProbesOfControllers(t *testing.T) {
	eachSet(t, func(t *testing.T, r *rendering) {
		c := controller(t, r)
		for want, p := range map[string]*corev1.Probe{"/livez": c.LivenessProbe, "/readyz": c.ReadinessProbe} {
			if p == nil || p.HTTPGet == nil || p.HTTPGet.Path != want || p.HTTPGet.Port.StrVal != "http" {
				t.Errorf("a probe is %s, want GET %s at http", jsonOf(t, p), want)
			}
		}
		if deployment(t, r).Spec.Template.Spec.Containers[0].Lifecycle != nil {
			t.Error("the controller has a hook: it stops by SIGTERM")
		}
	})
}

// A pod that is not ready does not get clients, not even of a Service with a name.
func TestGatewaysLeadToReadyPods(t *testing.T) {
	eachSet(t, func(t *testing.T, r *rendering) {
		for _, s := range all[*corev1.Service](r) {
			if s.Spec.PublishNotReadyAddresses && s.Name != statefulSet(t, r).Spec.ServiceName {
				t.Errorf("Service %s leads to pods that are not ready", s.Name)
			}
		}
	})
}
