//go:build chart

package chart

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"

	"memgraph-controller/internal/kube"
)

func TestNodes(t *testing.T) {
	r := render(t, "defaults")
	set := statefulSet(t, r)
	if *set.Spec.Replicas != 3 {
		t.Errorf("%d nodes, want 3: while one is down two copies are left", *set.Spec.Replicas)
	}
	if set.Spec.UpdateStrategy.Type != appsv1.RollingUpdateStatefulSetStrategyType {
		t.Errorf("updates are %s", set.Spec.UpdateStrategy.Type)
	}
	if image := memgraph(t, r).Image; image != "memgraph/memgraph:3.12.0" {
		t.Errorf("Memgraph's image is %s: another default is another set of behaviours to judge", image)
	}
	if n := *statefulSet(t, render(t, "one-node")).Spec.Replicas; n != 1 {
		t.Errorf("memgraph.replicas=1 makes %d nodes", n)
	}
}

func TestStatefulSet(t *testing.T) {
	eachSet(t, func(t *testing.T, r *rendering) {
		set := statefulSet(t, r)
		spec := set.Spec.Template.Spec
		if set.Spec.PodManagementPolicy != appsv1.ParallelPodManagement {
			t.Errorf("pods start %s: after a loss of power the first one would wait for a second that never comes", set.Spec.PodManagementPolicy)
		}
		if gates := jsonOf(t, spec.ReadinessGates); r.set != "everything-off" && gates != fmt.Sprintf(`[{"conditionType":%q}]`, kube.InSync) {
			t.Errorf("readiness gates %s, want %s, which the controller sets: drains would not wait for redundancy", gates, kube.InSync)
		}
		if spec.RestartPolicy != "" && spec.RestartPolicy != corev1.RestartPolicyAlways {
			t.Errorf("a node that ends is not started again: %s", spec.RestartPolicy)
		}
		if len(spec.InitContainers) != 1 || !slices.Equal(spec.InitContainers[0].Args, []string{"prepare-node"}) {
			t.Errorf("the init containers are %s, want prepare-node: data could not be moved aside", jsonOf(t, spec.InitContainers))
		}
		if p := spec.TerminationGracePeriodSeconds; p == nil || time.Duration(*p)*time.Second < preStopTimeout(t, r)+5*time.Second {
			t.Errorf("a node is killed %d s after it was told to stop, which leaves no time after a wait of %s", p, preStopTimeout(t, r))
		}
	})
}

func preStopTimeout(t *testing.T, r *rendering) time.Duration {
	t.Helper()
	d, err := time.ParseDuration(env(memgraph(t, r))["PRESTOP_TIMEOUT"].Value)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// Design section 8: failover depends on each of them, whatever the image's own
// defaults are.
func TestFlags(t *testing.T) {
	eachSet(t, func(t *testing.T, r *rendering) {
		c := memgraph(t, r)
		flags := flagsOf(t, c)
		for name, want := range map[string]string{
			"storage-wal-enabled":                  "true",  // replicas catch up from it
			"data-recovery-on-startup":             "true",  // a node that restarts has its data
			"replication-restore-state-on-startup": "true",  // and knows whose replica it was
			"storage-snapshot-on-exit":             "false", // it would take longer than the grace period
			"bolt-port":                            fmt.Sprint(portOf(t, c, "bolt")),
			"data-directory":                       env(prepareNode(t, r))["DATA_DIRECTORY"].Value,
			"also-log-to-stderr":                   "true", // kubectl logs
			"log-file":                             "",     // nothing else empties the disk
		} {
			if got, ok := flags[name]; !ok || got != want {
				t.Errorf("--%s is %q, %t; want %q", name, got, ok, want)
			}
		}
		if flags["storage-wal-file-flush-every-n-tx"] == "" {
			t.Error("--storage-wal-file-flush-every-n-tx is not set: nodes could differ")
		}
		if c.Command != nil {
			t.Errorf("the image's entry point is replaced by %v", c.Command)
		}
	})
}

// flagsOf returns the flags of Memgraph, each of which may be there once.
func flagsOf(t *testing.T, c corev1.Container) map[string]string {
	t.Helper()
	flags := map[string]string{}
	for _, arg := range c.Args {
		name, value, ok := strings.Cut(strings.TrimPrefix(arg, "--"), "=")
		if _, twice := flags[name]; twice || !ok || !strings.HasPrefix(arg, "--") {
			t.Errorf("argument %q: want --name=value, each name once", arg)
		}
		flags[name] = value
	}
	return flags
}

// Without the init file a node that restarts is MAIN on its own authority (P4).
func TestBornAsReplica(t *testing.T) {
	eachSet(t, func(t *testing.T, r *rendering) {
		c := memgraph(t, r)
		file := flagsOf(t, c)["init-file"]
		volume := volumeAt(t, statefulSet(t, r).Spec.Template.Spec, c, path.Dir(file))
		if volume.ConfigMap == nil {
			t.Fatalf("%s is not in a ConfigMap: %+v", file, volume)
		}
		if volume.ConfigMap.Optional != nil && *volume.ConfigMap.Optional {
			t.Error("a node starts without its init file")
		}
		text := one[*corev1.ConfigMap](t, r, volume.ConfigMap.Name).Data[path.Base(file)]
		if want := fmt.Sprintf("SET REPLICATION ROLE TO REPLICA WITH PORT %d;\n", portOf(t, c, "replication")); text != want {
			t.Errorf("%s is %q, want %q", file, text, want)
		}
	})
}

// volumeAt returns the volume that a container has at a path.
func volumeAt(t *testing.T, p corev1.PodSpec, c corev1.Container, at string) corev1.Volume {
	t.Helper()
	for _, m := range c.VolumeMounts {
		for _, v := range p.Volumes {
			if m.MountPath == at && v.Name == m.Name {
				return v
			}
		}
	}
	t.Fatalf("%s has no volume at %s", c.Name, at)
	return corev1.Volume{}
}

// The hook is a copy of the controller's program that the init container leaves in
// a volume of both.
func TestPreStop(t *testing.T) {
	eachSet(t, func(t *testing.T, r *rendering) {
		c, init, spec := memgraph(t, r), prepareNode(t, r), statefulSet(t, r).Spec.Template.Spec
		if c.Lifecycle == nil || c.Lifecycle.PreStop == nil || c.Lifecycle.PreStop.Exec == nil {
			t.Fatal("there is no preStop hook: MAIN stops before another has taken over")
		}
		dir := env(init)["INSTALL_DIRECTORY"].Value
		if got, want := c.Lifecycle.PreStop.Exec.Command, []string{dir + "/memgraph-controller", "prestop"}; !slices.Equal(got, want) {
			t.Errorf("the hook runs %v, want %v", got, want)
		}
		from, to := volumeAt(t, spec, init, dir), volumeAt(t, spec, c, dir)
		if from.Name != to.Name || from.EmptyDir == nil {
			t.Errorf("the program is left in volume %s, and looked for in %s", from.Name, to.Name)
		}
	})
}

// The record tells the init container whether to move the data aside. On the first
// start there is none, and the pod must start.
func TestRecordIsMounted(t *testing.T) {
	eachSet(t, func(t *testing.T, r *rendering) {
		init := prepareNode(t, r)
		volume := volumeAt(t, statefulSet(t, r).Spec.Template.Spec, init, env(init)["STATE_DIRECTORY"].Value)
		m := volume.ConfigMap
		if m == nil || m.Name != env(controller(t, r))["STATE_CONFIGMAP"].Value || m.Optional == nil || !*m.Optional {
			t.Errorf("the record is mounted as %+v, want the ConfigMap that the controller writes, optional", volume)
		}
	})
}

func TestData(t *testing.T) {
	eachSet(t, func(t *testing.T, r *rendering) {
		set, claimed := statefulSet(t, r), false
		for _, c := range []corev1.Container{memgraph(t, r), prepareNode(t, r)} {
			i := slices.IndexFunc(c.VolumeMounts, func(m corev1.VolumeMount) bool { return m.Name == "data" })
			if i < 0 || !strings.HasPrefix(env(prepareNode(t, r))["DATA_DIRECTORY"].Value+"/", c.VolumeMounts[i].MountPath+"/") {
				t.Errorf("%s does not have the data directory on the data volume: %+v", c.Name, c.VolumeMounts)
			}
		}
		for _, claim := range set.Spec.VolumeClaimTemplates {
			claimed = claimed || claim.Name == "data"
		}
		if claimed != (r.set != "no-persistence") {
			t.Errorf("data are on a claim: %t", claimed)
		}
	})
	policy := statefulSet(t, render(t, "defaults")).Spec.PersistentVolumeClaimRetentionPolicy
	if policy == nil || policy.WhenDeleted != appsv1.RetainPersistentVolumeClaimRetentionPolicyType || policy.WhenScaled != policy.WhenDeleted {
		t.Errorf("claims are kept as %+v, want Retain: nothing is destroyed (P6)", policy)
	}
}

// A restart loop during a long recovery never ends it. Liveness must not kill a
// node that is slow: that is failover's business, and it needs less than a minute.
func TestProbesOfNodes(t *testing.T) {
	eachSet(t, func(t *testing.T, r *rendering) {
		c := memgraph(t, r)
		for name, p := range map[string]*corev1.Probe{"startup": c.StartupProbe, "liveness": c.LivenessProbe, "readiness": c.ReadinessProbe} {
			if p == nil || p.TCPSocket == nil || p.TCPSocket.Port.StrVal != "bolt" {
				t.Errorf("the %s probe is %+v, want that Bolt is open", name, p)
			}
		}
		if allowed := time.Duration(c.StartupProbe.PeriodSeconds*c.StartupProbe.FailureThreshold) * time.Second; allowed < 24*time.Hour {
			t.Errorf("a recovery may take %s, want a day", allowed)
		}
		if patience := time.Duration(c.LivenessProbe.PeriodSeconds*c.LivenessProbe.FailureThreshold) * time.Second; patience < time.Minute {
			t.Errorf("a node that is busy is killed after %s", patience)
		}
	})
}

// Nodes must be found before they are ready: they become ready by being found.
func TestHeadlessService(t *testing.T) {
	eachSet(t, func(t *testing.T, r *rendering) {
		s := one[*corev1.Service](t, r, statefulSet(t, r).Spec.ServiceName)
		if s.Spec.ClusterIP != corev1.ClusterIPNone || !s.Spec.PublishNotReadyAddresses {
			t.Errorf("Service %s has cluster IP %q and publishes addresses that are not ready: %t", s.Name, s.Spec.ClusterIP, s.Spec.PublishNotReadyAddresses)
		}
	})
}

// One node and one controller at a time may be taken by a drain: two nodes would
// take the last two copies, and all controllers the last door.
func TestBudgets(t *testing.T) {
	r := render(t, "defaults")
	for _, name := range []string{"mg-memgraph", "mg-controller"} {
		b := one[*policyv1.PodDisruptionBudget](t, r, name)
		if b.Spec.MaxUnavailable == nil || b.Spec.MaxUnavailable.IntValue() != 1 || b.Spec.MinAvailable != nil {
			t.Errorf("budget %s allows %v", name, b.Spec.MaxUnavailable)
		}
	}
	// A controller that cannot become ready must not hold up a drain; a node that is
	// not ready may be the only one with the data.
	if p := one[*policyv1.PodDisruptionBudget](t, r, "mg-controller").Spec.UnhealthyPodEvictionPolicy; p == nil || *p != policyv1.AlwaysAllow {
		t.Error("a broken controller cannot be evicted")
	}
	if p := one[*policyv1.PodDisruptionBudget](t, r, "mg-memgraph").Spec.UnhealthyPodEvictionPolicy; p != nil && *p == policyv1.AlwaysAllow {
		t.Error("a node that is not ready can be evicted whatever the others are")
	}
}

// Soft spreads where it can and schedules nevertheless; hard does not. Controllers
// are spread evenly in any case: each is a door.
func TestSpread(t *testing.T) {
	terms := func(p pod) (soft, hard int) {
		if p.spec.Affinity == nil || p.spec.Affinity.PodAntiAffinity == nil {
			return 0, 0
		}
		a := p.spec.Affinity.PodAntiAffinity
		for _, term := range a.PreferredDuringSchedulingIgnoredDuringExecution {
			keepsApart(t, p, term.PodAffinityTerm)
		}
		for _, term := range a.RequiredDuringSchedulingIgnoredDuringExecution {
			keepsApart(t, p, term)
		}
		return len(a.PreferredDuringSchedulingIgnoredDuringExecution), len(a.RequiredDuringSchedulingIgnoredDuringExecution)
	}
	for set, want := range map[string][4]int{"defaults": {1, 0, 1}, "hard-spread": {0, 1, 1}, "everything-off": {}} {
		for _, p := range render(t, set).pods() {
			if strings.HasPrefix(p.of, "Pod ") {
				continue // it is alone
			}
			soft, hard := terms(p)
			zones, evenly := constraints(p)
			want := want
			if strings.HasSuffix(p.of, "-controller") && set != "everything-off" {
				want[3] = 1
			}
			if got := [4]int{soft, hard, zones, evenly}; got != want {
				t.Errorf("%s: %s has %v soft terms, hard terms, constraints on zones and on machines, want %v", set, p.of, got, want)
			}
		}
	}
}

// constraints counts those that prefer other zones, and those that insist on
// machines with as few.
func constraints(p pod) (zones, evenly int) {
	for _, c := range p.spec.TopologySpreadConstraints {
		switch {
		case c.TopologyKey == corev1.LabelTopologyZone && c.WhenUnsatisfiable == corev1.ScheduleAnyway:
			zones++
		case c.TopologyKey == corev1.LabelHostname && c.WhenUnsatisfiable == corev1.DoNotSchedule && c.MaxSkew == 1 &&
			c.NodeTaintsPolicy != nil && *c.NodeTaintsPolicy == corev1.NodeInclusionPolicyHonor: // a dead machine does not count
			evenly++
		}
	}
	return zones, evenly
}

func keepsApart(t *testing.T, p pod, term corev1.PodAffinityTerm) {
	t.Helper()
	want := maps.Clone(p.labels)
	maps.DeleteFunc(want, func(key, _ string) bool { return key != labelName && key != labelInstance && key != labelComponent })
	if term.TopologyKey != corev1.LabelHostname || !maps.Equal(term.LabelSelector.MatchLabels, want) {
		t.Errorf("%s keeps away from %v by %s, want its like by machine", p.of, term.LabelSelector.MatchLabels, term.TopologyKey)
	}
}
