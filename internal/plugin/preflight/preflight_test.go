package preflight

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/version"
	fakediscovery "k8s.io/client-go/discovery/fake"
	"k8s.io/client-go/kubernetes/fake"
	kubetesting "k8s.io/client-go/testing"
	"sigs.k8s.io/yaml"

	"memgraph-controller/internal/plugin/staged"
)

// clock is this machine's, ahead of the API server's.
type clock time.Duration

func (c clock) Ahead() (time.Duration, bool) { return time.Duration(c), true }

// fit is a cluster that the chart may be installed on.
func fit(t *testing.T) (Cluster, *fake.Clientset) {
	t.Helper()
	client := fake.NewClientset(&storagev1.StorageClass{ObjectMeta: metav1.ObjectMeta{Name: "ssd", Annotations: map[string]string{defaultClass: "true"}}})
	for n := range 3 {
		if err := client.Tracker().Add(&corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("machine-%d", n)}}); err != nil {
			t.Fatal(err)
		}
	}
	client.Discovery().(*fakediscovery.FakeDiscovery).FakedServerVersion = &version.Info{Major: "1", Minor: "31+", GitVersion: "v1.31.2"}
	deny(client)
	return Cluster{API: client, Namespace: staged.Namespace, Host: staged.Host, Clock: clock(0), Release: "mg"}, client
}

// deny has the caller lack some rights, like "create roles", and have all others.
func deny(client *fake.Clientset, rights ...string) {
	client.PrependReactor("create", "selfsubjectaccessreviews", func(a kubetesting.Action) (bool, runtime.Object, error) {
		review := a.(kubetesting.CreateAction).GetObject().(*authorizationv1.SelfSubjectAccessReview).DeepCopy()
		of := review.Spec.ResourceAttributes
		resource := of.Resource
		if of.Subresource != "" {
			resource += "/" + of.Subresource
		}
		review.Status.Allowed = true
		for _, r := range rights {
			if r == of.Verb+" "+resource {
				review.Status.Allowed = false
			}
		}
		return true, review, nil
	})
}

func TestFit(t *testing.T) {
	c, _ := fit(t)
	results, err := Run(t.Context(), c, DefaultValues())
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	Write(&b, results)
	want, err := os.ReadFile("testdata/fit.txt")
	if err != nil {
		t.Fatal(err)
	}
	if b.String() != string(want) || Failed(results) {
		t.Errorf("got:\n%s\nwant:\n%s", b.String(), want)
	}
}

func TestUnfit(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*Cluster, *fake.Clientset, *Values)
		level  Level
		says   string
	}{
		{"old Kubernetes", func(_ *Cluster, k *fake.Clientset, _ *Values) {
			k.Discovery().(*fakediscovery.FakeDiscovery).FakedServerVersion = &version.Info{Major: "1", Minor: "27", GitVersion: "v1.27.9"}
		}, Fails, "the chart needs 1.28 or newer"},
		{"oldest Kubernetes", func(_ *Cluster, k *fake.Clientset, _ *Values) {
			k.Discovery().(*fakediscovery.FakeDiscovery).FakedServerVersion = &version.Info{Major: "1", Minor: "28", GitVersion: "v1.28.0"}
		}, OK, "Kubernetes v1.28.0"},
		{"no such class", func(_ *Cluster, _ *fake.Clientset, v *Values) { v.Memgraph.Persistence.StorageClass = "hdd" }, Fails, "hdd does not exist: there is ssd"},
		{"class by name", func(_ *Cluster, _ *fake.Clientset, v *Values) { v.Memgraph.Persistence.StorageClass = "ssd" }, OK, "StorageClass ssd"},
		{"no default class", func(_ *Cluster, k *fake.Clientset, _ *Values) {
			must(k.Tracker().Update(storagev1.SchemeGroupVersion.WithResource("storageclasses"), &storagev1.StorageClass{ObjectMeta: metav1.ObjectMeta{Name: "ssd"}}, ""))
		}, Fails, "no StorageClass is the default"},
		{"classes unread", func(_ *Cluster, k *fake.Clientset, _ *Values) {
			staged.Refuse(k, "list", "storageclasses", staged.Forbidden("storageclasses"))
		}, Unchecked, "you may not list storageclasses.storage.k8s.io"},
		{"no volumes", func(_ *Cluster, _ *fake.Clientset, v *Values) { v.Memgraph.Persistence.Enabled = false }, Beware, "data live as long as their pods do"},
		{"a right is missing", func(_ *Cluster, k *fake.Clientset, _ *Values) { deny(k, "create statefulsets") }, Fails, "you may not create statefulsets.apps in namespace shop, for the nodes"},
		{"a right nobody needs", func(_ *Cluster, k *fake.Clientset, _ *Values) { deny(k, "create networkpolicies") }, OK, "you may create what the chart creates"},
		{"a right that a value needs", func(_ *Cluster, k *fake.Clientset, v *Values) {
			deny(k, "create networkpolicies")
			v.NetworkPolicy.Enabled = true
		}, Fails, "create networkpolicies.networking.k8s.io"},
		{"cannot grant", func(_ *Cluster, k *fake.Clientset, _ *Values) { deny(k, "escalate roles", "patch pods/status") }, Fails, "the Role would grant what you may not do yourself, and Kubernetes refuses that: patch pods/status"},
		{"may escalate", func(_ *Cluster, k *fake.Clientset, _ *Values) { deny(k, "patch pods/status") }, OK, "you may create what the chart creates"},
		{"without a Role", func(_ *Cluster, k *fake.Clientset, v *Values) {
			deny(k, "create roles", "escalate roles", "patch pods/status")
			v.RBAC.Create = false
		}, OK, "you may create what the chart creates"},
		{"installed already", func(_ *Cluster, k *fake.Clientset, _ *Values) { must(k.Tracker().Add(staged.New("mg").Deployment)) }, Beware, "release mg is installed already"},
		{"names are taken", func(c *Cluster, k *fake.Clientset, _ *Values) {
			must(k.Tracker().Add(staged.New("mg").Deployment))
			c.Release = "other"
		}, Fails, "set state.configMapName=other-state and leaderElection.leaseName=other-leader"},
		{"names of its own", func(c *Cluster, k *fake.Clientset, v *Values) {
			must(k.Tracker().Add(staged.New("mg").Deployment))
			c.Release, v.State.ConfigMapName, v.LeaderElection.LeaseName = "other", "other-state", "other-leader"
		}, OK, "nothing in namespace shop stands in the way of release other"},
		{"a StatefulSet is there", func(_ *Cluster, k *fake.Clientset, _ *Values) {
			must(k.Tracker().Add(&appsv1.StatefulSet{ObjectMeta: metav1.ObjectMeta{Name: "mg-memgraph", Namespace: staged.Namespace}}))
		}, Fails, "StatefulSet mg-memgraph exists and is not of release mg"},
		{"a record was left", func(_ *Cluster, k *fake.Clientset, _ *Values) { must(k.Tracker().Add(staged.New("mg").ConfigMap())) }, Beware, "has a record: a release that runs here uses it, or one did"},
		{"few machines", func(_ *Cluster, k *fake.Clientset, _ *Values) {
			must(k.Tracker().Delete(corev1.SchemeGroupVersion.WithResource("nodes"), "", "machine-2"))
		}, Beware, "two nodes share a machine"},
		{"too few machines", func(_ *Cluster, k *fake.Clientset, v *Values) {
			must(k.Tracker().Delete(corev1.SchemeGroupVersion.WithResource("nodes"), "", "machine-2"))
			v.Memgraph.Spread = "hard"
		}, Fails, "some nodes would never run"},
		{"clock ahead", func(c *Cluster, _ *fake.Clientset, _ *Values) { c.Clock = clock(42 * time.Second) }, Beware, "this machine's clock is 42s ahead of the API server's: set one of them by NTP"},
		{"clock astray", func(c *Cluster, _ *fake.Clientset, _ *Values) { c.Clock = clock(-5 * time.Minute) }, Fails, "this machine's clock is 5m0s behind the API server's"},
		{"too many nodes", func(_ *Cluster, _ *fake.Clientset, v *Values) { read(v, "memgraph: {replicas: 10}") }, Fails, "memgraph.replicas: 10: want 1 to 9"},
		{"no nodes", func(_ *Cluster, _ *fake.Clientset, v *Values) { read(v, "memgraph: {replicas: 0}") }, Fails, "memgraph.replicas: 0: want 1 to 9"},
		{"one node", func(_ *Cluster, _ *fake.Clientset, v *Values) { read(v, "memgraph: {replicas: 1}") }, Beware, "nobody to fail over to"},
		{"durability", func(_ *Cluster, _ *fake.Clientset, v *Values) { read(v, "controller: {durability: both}") }, Fails, "want available or strict"},
		{"the chart's flag", func(_ *Cluster, _ *fake.Clientset, v *Values) { read(v, `memgraph: {extraArgs: ["--log_file=x"]}`) }, Fails, "--log-file is set by the chart"},
		{"the chart's flag, off", func(_ *Cluster, _ *fake.Clientset, v *Values) {
			read(v, `memgraph: {extraArgs: ["--nostorage-wal-enabled"]}`)
		}, Fails, "--nostorage-wal-enabled is set by the chart"},
		{"a harmful flag", func(_ *Cluster, _ *fake.Clientset, v *Values) { read(v, `memgraph: {extraArgs: ["--storage-mode=x"]}`) }, Fails, "only IN_MEMORY_TRANSACTIONAL"},
		{"a good flag", func(_ *Cluster, _ *fake.Clientset, v *Values) {
			read(v, `memgraph: {extraArgs: ["--memory-limit=4096"]}`)
		}, OK, "3 nodes, 3 controllers, 1 more flags"},
	} {
		t.Run(c.name, func(t *testing.T) {
			where, client := fit(t)
			v := DefaultValues()
			c.change(&where, client, &v)
			results, err := Run(t.Context(), where, v)
			if err != nil {
				t.Fatal(err)
			}
			found := false
			for _, r := range results {
				found = found || r.Level == c.level && strings.Contains(r.Text, c.says)
			}
			if !found || Failed(results) != (c.level == Fails) {
				t.Errorf("want %s: %s; got %v", c.level, c.says, results)
			}
		})
	}
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func read(v *Values, text string) { must(v.Read([]byte(text))) }

func TestUnreachable(t *testing.T) {
	c, client := fit(t)
	staged.Refuse(client, "list", "nodes", errors.New("connection refused"))
	if _, err := Run(t.Context(), c, DefaultValues()); err == nil || !strings.Contains(err.Error(), "the API server at https://k:6443 does not answer") {
		t.Errorf("%v", err)
	}
}

func TestUnreadableValues(t *testing.T) {
	v := DefaultValues()
	if err := v.Read([]byte("memgraph: {replicas: many}")); err == nil || !strings.Contains(err.Error(), "helm template") {
		t.Errorf("%v", err)
	}
}

// TestFlagsAreTheCharts: the chart refuses the same flags, for the same reasons.
func TestFlagsAreTheCharts(t *testing.T) {
	text := chart(t, "templates/_checks.tpl")
	list := regexp.MustCompile(`\$own := list ((?:"[a-z-]+" ?)+)`).FindAllStringSubmatch(text, -1)
	var names string
	for _, l := range list {
		if strings.Contains(l[1], "bolt-port") {
			names = l[1]
		}
	}
	if want := `"` + strings.Join(own, `" "`) + `"`; strings.TrimSpace(names) != want {
		t.Errorf("the chart has %s\nwe have      %s", names, want)
	}
	for flag, why := range harm {
		if !strings.Contains(text, fmt.Sprintf("%q %q", flag, why)) {
			t.Errorf("the chart does not refuse --%s because %s", flag, why)
		}
	}
}

// TestRoleIsTheCharts: its rules are those of the chart.
func TestRoleIsTheCharts(t *testing.T) {
	_, rules, _ := strings.Cut(chart(t, "templates/rbac.yaml"), "rules:")
	rules, _, _ = strings.Cut(rules, "---")
	var there []rbacv1.PolicyRule
	if err := yaml.Unmarshal([]byte(rules), &there); err != nil {
		t.Fatal(err)
	}
	if len(there) != len(role) {
		t.Fatalf("the chart has %d rules, we have %d", len(there), len(role))
	}
	for i, r := range there {
		if r.APIGroups[0] != role[i].group || r.Resources[0] != role[i].resource || strings.Join(r.Verbs, " ") != role[i].verb {
			t.Errorf("the chart has %v, we have %v", r, role[i])
		}
	}
}

// TestDefaultsAreTheCharts: reading the chart's own values changes nothing.
func TestDefaultsAreTheCharts(t *testing.T) {
	v := DefaultValues()
	read(&v, chart(t, "values.yaml"))
	three := 3
	want := DefaultValues()
	want.Memgraph.Replicas, want.Controller.Replicas = &three, &three
	want.Memgraph.ExtraArgs = []string{}
	if fmt.Sprintf("%+v", plain(v)) != fmt.Sprintf("%+v", plain(want)) {
		t.Errorf("the chart has %+v\nwe have      %+v", plain(v), plain(want))
	}
}

// plain is v with what pointers point to.
func plain(v Values) any {
	n, c := v.replicas(), or(v.Controller.Replicas)
	v.Memgraph.Replicas, v.Controller.Replicas = nil, nil
	return []any{v, n, c}
}

func chart(t *testing.T, path string) string {
	t.Helper()
	raw, err := os.ReadFile("../../../charts/memgraph-ha/" + path)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}
