package preflight

import (
	"fmt"
	"strings"

	"sigs.k8s.io/yaml"
)

// Values are those of the chart that matter here, with the chart's defaults.
type Values struct {
	FullnameOverride string `json:"fullnameOverride"`
	Memgraph         struct {
		Replicas    *int     `json:"replicas"`
		ExtraArgs   []string `json:"extraArgs"`
		Spread      string   `json:"spread"`
		Persistence struct {
			Enabled      bool   `json:"enabled"`
			StorageClass string `json:"storageClass"`
		} `json:"persistence"`
	} `json:"memgraph"`
	Controller struct {
		Replicas   *int   `json:"replicas"`
		Durability string `json:"durability"`
	} `json:"controller"`
	State struct {
		ConfigMapName string `json:"configMapName"`
	} `json:"state"`
	LeaderElection struct {
		LeaseName string `json:"leaseName"`
	} `json:"leaderElection"`
	RBAC struct {
		Create bool `json:"create"`
	} `json:"rbac"`
	NetworkPolicy enabled `json:"networkPolicy"`
	Monitoring    struct {
		ServiceMonitor enabled `json:"serviceMonitor"`
		PrometheusRule enabled `json:"prometheusRule"`
	} `json:"monitoring"`
}

type enabled struct {
	Enabled bool `json:"enabled"`
}

// DefaultValues are the chart's.
func DefaultValues() Values {
	var v Values
	v.Memgraph.Persistence.Enabled, v.RBAC.Create = true, true
	v.Memgraph.Spread, v.Controller.Durability = "soft", "available"
	v.State.ConfigMapName, v.LeaderElection.LeaseName = "memgraph-controller-state", "memgraph-controller-leader"
	return v
}

// Read puts a values file on top of v: what it does not say stays.
func (v *Values) Read(raw []byte) error {
	if err := yaml.Unmarshal(raw, v); err != nil {
		return fmt.Errorf("values of the chart: %w; helm template charts/memgraph-ha -f FILE says more", err)
	}
	return nil
}

const defaultReplicas = 3

func (v Values) replicas() int { return or(v.Memgraph.Replicas) }

func or(n *int) int {
	if n == nil {
		return defaultReplicas
	}
	return *n
}

// own are the flags that the chart sets, harm those that break failover, and why. The
// chart has the same lists.
var (
	own = []string{
		"bolt-port", "bolt-cert-file", "bolt-key-file", "data-directory", "init-file", "log-file", "log-level", "also-log-to-stderr", "storage-wal-enabled",
		"storage-wal-file-flush-every-n-tx", "storage-snapshot-on-exit", "data-recovery-on-startup", "replication-restore-state-on-startup",
	}
	harm = map[string]string{
		"bolt-address": "the gateway and the probes reach a node at its pod's address",
		"storage-mode": "only IN_MEMORY_TRANSACTIONAL, the default, is replicated",
		"flagfile":     "it may hide flags that the chart sets",
		"fromenv":      "it may hide flags that the chart sets",
		"tryfromenv":   "it may hide flags that the chart sets",
	}
)

// check looks at the values themselves.
func (v Values) check() []Result {
	const check = "values"
	var results []Result
	add := func(l Level, format string, args ...any) {
		results = append(results, Result{check, l, fmt.Sprintf(format, args...)})
	}
	switch n := v.replicas(); {
	case n < 1 || n > 9:
		add(Fails, "memgraph.replicas: %d: want 1 to 9", n)
	case n == 1:
		add(Beware, "memgraph.replicas is 1: there is nobody to fail over to, and no second copy of the data")
	case n == 2 && v.Controller.Durability == "available":
		add(Beware, "memgraph.replicas is 2: while one is down there is one copy of the data; 3 keep two")
	}
	switch n := or(v.Controller.Replicas); {
	case n < 1:
		add(Fails, "controller.replicas: %d: want at least 1", n)
	case n == 1:
		add(Beware, "controller.replicas is 1: while it is away nobody fails over, and clients have no gateway")
	}
	if d := v.Controller.Durability; d != "available" && d != "strict" {
		add(Fails, "controller.durability: %q: want available or strict", d)
	}
	for _, arg := range v.Memgraph.ExtraArgs {
		if why := refused(arg); why != "" {
			add(Fails, "memgraph.extraArgs: %s", why)
		}
	}
	if len(results) == 0 {
		add(OK, "%d nodes, %d controllers, %d more flags", v.replicas(), or(v.Controller.Replicas), len(v.Memgraph.ExtraArgs))
	}
	return results
}

// refused says why the chart refuses a flag of Memgraph, or "". Flags are read as
// gflags reads them: --a_b is --a-b, and --noa is --a=false.
func refused(arg string) string {
	flag, _, _ := strings.Cut(arg, "=")
	flag = strings.ReplaceAll(strings.TrimPrefix(flag, "--"), "_", "-")
	for _, name := range own {
		if flag == name || flag == "no"+name {
			return fmt.Sprintf("--%s is set by the chart, because failover depends on it, or has a value of its own", flag)
		}
	}
	if why, ok := harm[flag]; ok {
		return fmt.Sprintf("--%s cannot be used here: %s", flag, why)
	}
	return ""
}
