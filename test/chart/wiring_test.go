//go:build chart

package chart

import (
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
)

// env returns the variables of a container by their names.
func env(c corev1.Container) map[string]corev1.EnvVar {
	found := map[string]corev1.EnvVar{}
	for _, e := range c.Env {
		found[e.Name] = e
	}
	return found
}

// portOf returns the number of a port that a container names.
func portOf(t *testing.T, c corev1.Container, name string) int32 {
	t.Helper()
	for _, p := range c.Ports {
		if p.Name == name {
			return p.ContainerPort
		}
	}
	t.Fatalf("%s has no port called %s", c.Name, name)
	return 0
}

// podOf returns the pod that a Service leads to.
func podOf(t *testing.T, r *rendering, s *corev1.Service) pod {
	t.Helper()
	for _, p := range r.pods() {
		if labels.SelectorFromSet(s.Spec.Selector).Matches(labels.Set(p.labels)) {
			return p
		}
	}
	t.Fatalf("Service %s leads nowhere", s.Name)
	return pod{}
}

// The second of two variables of one name wins, and nobody says so.
func TestVariablesAreUnique(t *testing.T) {
	eachSet(t, func(t *testing.T, r *rendering) {
		for _, p := range r.pods() {
			for _, c := range p.containers() {
				if len(env(c)) != len(c.Env) {
					t.Errorf("%s %s has a variable twice: %s", p.of, c.Name, jsonOf(t, c.Env))
				}
			}
		}
	})
}

// Each port is one number from the Service to the program: what a Service aims at
// is a named port of a container, and the container's program listens there.
func TestPorts(t *testing.T) {
	eachSet(t, func(t *testing.T, r *rendering) {
		for _, s := range all[*corev1.Service](r) {
			for _, p := range s.Spec.Ports {
				leadsSomewhere(t, r, s, p)
			}
		}
		listens(t, r)
	})
}

func leadsSomewhere(t *testing.T, r *rendering, s *corev1.Service, p corev1.ServicePort) {
	t.Helper()
	to := podOf(t, r, s)
	for _, c := range to.spec.Containers {
		if slices.ContainsFunc(c.Ports, func(port corev1.ContainerPort) bool { return port.Name == p.TargetPort.StrVal }) {
			return
		}
	}
	t.Errorf("port %s of Service %s aims at %q, which %s does not have", p.Name, s.Name, p.TargetPort.StrVal, to.of)
}

// listens checks that programs listen at the ports that their containers name.
func listens(t *testing.T, r *rendering) {
	t.Helper()
	c, m := controller(t, r), memgraph(t, r)
	settings := env(c)
	want := map[string]string{
		"bolt": ending(settings["GATEWAY_BIND_ADDRESS"].Value),
		"http": settings["HTTP_PORT"].Value,
	}
	if settings["ENABLE_READ_GATEWAY"].Value == "true" {
		want["bolt-read"] = ending(settings["READ_GATEWAY_BIND_ADDRESS"].Value)
	}
	got := map[string]string{}
	for _, p := range c.Ports {
		got[p.Name] = strconv.Itoa(int(p.ContainerPort))
	}
	if jsonOf(t, got) != jsonOf(t, want) {
		t.Errorf("the controller listens at %v, and its container names %v", want, got)
	}
	for name, setting := range map[string]string{"bolt": "BOLT_PORT", "replication": "REPLICATION_PORT"} {
		number := strconv.Itoa(int(portOf(t, m, name)))
		if settings[setting].Value != number {
			t.Errorf("the controller looks for %s at %s, nodes listen at %s", name, settings[setting].Value, number)
		}
		headless := one[*corev1.Service](t, r, settings["SERVICE_NAME"].Value)
		i := slices.IndexFunc(headless.Spec.Ports, func(p corev1.ServicePort) bool { return p.Name == name })
		if i < 0 || strconv.Itoa(int(headless.Spec.Ports[i].Port)) != number {
			t.Errorf("Service %s does not have %s at %s: %s", headless.Name, name, number, jsonOf(t, headless.Spec.Ports))
		}
	}
}

// ending returns the port of an address.
func ending(address string) string { return address[strings.LastIndexByte(address, ':')+1:] }

// The controller must be told of the objects that are really there.
func TestControllerKnowsItsNodes(t *testing.T) {
	eachSet(t, func(t *testing.T, r *rendering) {
		settings, set := env(controller(t, r)), statefulSet(t, r)
		if settings["STATEFULSET_NAME"].Value != set.Name || settings["SERVICE_NAME"].Value != set.Spec.ServiceName {
			t.Errorf("the controller is told of StatefulSet %q and Service %q", settings["STATEFULSET_NAME"].Value, settings["SERVICE_NAME"].Value)
		}
		if n := strconv.Itoa(int(*set.Spec.Replicas)); settings["MEMGRAPH_REPLICAS"].Value != n {
			t.Errorf("the controller is told of %s nodes, there are %s", settings["MEMGRAPH_REPLICAS"].Value, n)
		}
		for variable, field := range map[string]string{"NAMESPACE": "metadata.namespace", "POD_NAME": "metadata.name"} {
			if from := settings[variable].ValueFrom; from == nil || from.FieldRef == nil || from.FieldRef.FieldPath != field {
				t.Errorf("%s is not the pod's %s: %s", variable, field, jsonOf(t, settings[variable]))
			}
		}
		if set.Spec.Template.Spec.Hostname != "" || set.Spec.Template.Spec.Subdomain != "" {
			t.Error("pods are not reached by the names that the StatefulSet gives them")
		}
	})
}

// Whoever asks the controllers must ask a Service and a port that exist.
func TestAddressesExist(t *testing.T) {
	eachSet(t, func(t *testing.T, r *rendering) {
		reaches(t, r, env(memgraph(t, r))["STATUS_URL"].Value)
		for _, p := range all[*corev1.Pod](r) {
			for _, arg := range p.Spec.Containers[0].Args {
				name, value, _ := strings.Cut(arg, "=")
				switch name {
				case "--status":
					reaches(t, r, value)
				case "--bolt":
					reaches(t, r, "bolt://"+value)
				}
			}
		}
	})
}

// reaches checks that a URL names a Service of the release, and a port of it.
func reaches(t *testing.T, r *rendering, address string) {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	name, rest, _ := strings.Cut(u.Hostname(), ".")
	if rest != "" && rest != r.namespace+".svc" {
		t.Errorf("%s is in no namespace of this release", address)
	}
	s := one[*corev1.Service](t, r, name)
	if !slices.ContainsFunc(s.Spec.Ports, func(p corev1.ServicePort) bool { return strconv.Itoa(int(p.Port)) == u.Port() }) {
		t.Errorf("%s: Service %s has ports %s", address, name, jsonOf(t, s.Spec.Ports))
	}
}

// Prometheus scrapes what the ServiceMonitor selects: one Service that leads to all
// controllers, at a port that it has. A second one would count everything twice.
func TestServiceMonitor(t *testing.T) {
	r := render(t, "everything-on")
	monitors := slices.DeleteFunc(all[*unstructured.Unstructured](r), func(o *unstructured.Unstructured) bool { return o.GetKind() != "ServiceMonitor" })
	if len(monitors) != 1 {
		t.Fatalf("%d ServiceMonitors, want 1", len(monitors))
	}
	selector, _, _ := unstructured.NestedStringMap(monitors[0].Object, "spec", "selector", "matchLabels")
	endpoints, _, _ := unstructured.NestedSlice(monitors[0].Object, "spec", "endpoints")
	if len(endpoints) != 1 || len(selector) == 0 {
		t.Fatalf("the ServiceMonitor has %d endpoints and selects %v", len(endpoints), selector)
	}
	port, scraped := endpoints[0].(map[string]any)["port"], []string{}
	for _, s := range all[*corev1.Service](r) {
		has := slices.ContainsFunc(s.Spec.Ports, func(p corev1.ServicePort) bool { return p.Name == port })
		if has && labels.SelectorFromSet(selector).Matches(labels.Set(s.Labels)) {
			scraped = append(scraped, podOf(t, r, s).of)
		}
	}
	if want := "Deployment " + deployment(t, r).Name; !slices.Equal(scraped, []string{want}) {
		t.Errorf("Prometheus scrapes port %v of %v, want of %s", port, scraped, want)
	}
}

// Clients in the cluster use 7687 for both doors, the port that drivers assume.
func TestGateways(t *testing.T) {
	r := render(t, "defaults")
	for name, target := range map[string]string{"mg-gateway": "bolt", "mg-gateway-read": "bolt-read"} {
		s := one[*corev1.Service](t, r, name)
		if s.Spec.Ports[0].Port != 7687 || s.Spec.Ports[0].TargetPort.StrVal != target || s.Spec.Type != corev1.ServiceTypeClusterIP {
			t.Errorf("Service %s is %s", name, jsonOf(t, s.Spec))
		}
	}
	// Drivers that ask for a routing table read at the host by which they have come.
	ports := one[*corev1.Service](t, r, "mg-gateway").Spec.Ports
	if len(ports) != 2 || ports[1].Port != 7688 || ports[1].TargetPort.StrVal != "bolt-read" {
		t.Errorf("ports of mg-gateway are %s", jsonOf(t, ports))
	}
	if n := len(one[*corev1.Service](t, r, "mg-gateway-read").Spec.Ports); n != 1 {
		t.Errorf("mg-gateway-read has %d ports, want 1", n)
	}
	s := one[*corev1.Service](t, render(t, "everything-on"), "mg-gateway").Spec
	if s.Type != corev1.ServiceTypeLoadBalancer || s.Ports[0].NodePort != 31687 || *s.LoadBalancerClass != "example.org/balancer" ||
		len(s.LoadBalancerSourceRanges) != 2 || s.ExternalTrafficPolicy != corev1.ServiceExternalTrafficPolicyLocal {
		t.Errorf("gateway.service is not passed on: %s", jsonOf(t, s))
	}
}

// A policy that forgets a port breaks the cluster on the day it is enabled.
func TestNetworkPolicies(t *testing.T) {
	if policies := all[*networkingv1.NetworkPolicy](render(t, "defaults")); len(policies) != 0 {
		t.Errorf("%d policies, want none by default", len(policies))
	}
	r := render(t, "everything-on")
	db, ctl := statefulSet(t, r).Spec.Template.Labels, deployment(t, r).Spec.Template.Labels
	test := one[*corev1.Pod](t, r, "mg-test").Labels
	prometheus, client, stranger := map[string]string{"app": "prometheus"}, map[string]string{"app": "shop"}, map[string]string{"app": "stranger"}
	bolt, replication := portOf(t, memgraph(t, r), "bolt"), portOf(t, memgraph(t, r), "replication")
	door, readers, http := portOf(t, controller(t, r), "bolt"), portOf(t, controller(t, r), "bolt-read"), portOf(t, controller(t, r), "http")
	for _, c := range []struct {
		why        string
		namespace  map[string]string // nil: the release's
		from, to   map[string]string
		port       int32
		let        bool
		fromOutAdr string
	}{
		{why: "the controller asks nodes", from: ctl, to: db, port: bolt, let: true},
		{why: "the controller tries the replication port", from: ctl, to: db, port: replication, let: true},
		{why: "nodes replicate", from: db, to: db, port: replication, let: true},
		{why: "nodes do not ask each other", from: db, to: db, port: bolt},
		{why: "controllers ask each other", from: ctl, to: ctl, port: http, let: true},
		{why: "the preStop hook asks a controller", from: db, to: ctl, port: http, let: true},
		{why: "helm test asks a controller", from: test, to: ctl, port: http, let: true},
		{why: "helm test goes through the gateway", from: test, to: ctl, port: door, let: true},
		{why: "helm test keeps to the gateway", from: test, to: db, port: bolt},
		{why: "clients write", namespace: map[string]string{"team": "graphs"}, from: client, to: ctl, port: door, let: true},
		{why: "clients read", namespace: map[string]string{"team": "graphs"}, from: client, to: ctl, port: readers, let: true},
		{why: "clients do not go past the gateway", namespace: map[string]string{"team": "graphs"}, from: client, to: db, port: bolt},
		{why: "clients do not read the status", namespace: map[string]string{"team": "graphs"}, from: client, to: ctl, port: http},
		{why: "Prometheus reads metrics", namespace: map[string]string{"kubernetes.io/metadata.name": "monitoring"}, from: prometheus, to: ctl, port: http, let: true},
		{why: "others there do not", namespace: map[string]string{"kubernetes.io/metadata.name": "monitoring"}, from: stranger, to: ctl, port: http},
		{why: "strangers do not write", from: stranger, to: ctl, port: door},
		{why: "strangers do not replicate", from: stranger, to: db, port: replication},
		{why: "backups go past the gateway", fromOutAdr: "10.1.1.1", to: db, port: bolt, let: true},
		{why: "but not from everywhere", fromOutAdr: "10.1.2.1", to: db, port: bolt},
	} {
		let := false
		for _, p := range all[*networkingv1.NetworkPolicy](r) {
			if labels.SelectorFromSet(p.Spec.PodSelector.MatchLabels).Matches(labels.Set(c.to)) {
				let = let || lets(t, p, c.namespace, c.from, c.fromOutAdr, c.port)
			}
		}
		if let != c.let {
			t.Errorf("%s: port %d is open: %t", c.why, c.port, let)
		}
	}
}

// lets reports whether a policy lets somebody in: a pod with labels, in the
// policy's namespace or in one with labels, or an address from outside.
func lets(t *testing.T, p *networkingv1.NetworkPolicy, namespace, from map[string]string, address string, port int32) bool {
	t.Helper()
	for _, rule := range p.Spec.Ingress {
		at := slices.ContainsFunc(rule.Ports, func(open networkingv1.NetworkPolicyPort) bool { return open.Port.IntVal == port })
		if at && (len(rule.From) == 0 || slices.ContainsFunc(rule.From, func(peer networkingv1.NetworkPolicyPeer) bool { return is(t, peer, namespace, from, address) })) {
			return true
		}
	}
	return false
}

func is(t *testing.T, peer networkingv1.NetworkPolicyPeer, namespace, from map[string]string, address string) bool {
	t.Helper()
	if peer.IPBlock != nil {
		return address != "" && inside(t, peer.IPBlock, address)
	}
	if address != "" {
		return false
	}
	if peer.NamespaceSelector == nil && namespace != nil || peer.NamespaceSelector != nil && !labels.SelectorFromSet(peer.NamespaceSelector.MatchLabels).Matches(labels.Set(namespace)) {
		return false
	}
	return peer.PodSelector == nil || labels.SelectorFromSet(peer.PodSelector.MatchLabels).Matches(labels.Set(from))
}

func inside(t *testing.T, block *networkingv1.IPBlock, address string) bool {
	t.Helper()
	at := netip.MustParseAddr(address)
	in := func(cidr string) bool { return netip.MustParsePrefix(cidr).Contains(at) }
	return in(block.CIDR) && !slices.ContainsFunc(block.Except, in)
}
