//go:build chart

package chart

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"
	corev1 "k8s.io/api/core/v1"

	"memgraph-controller/internal/config"
)

// notSet are settings that the chart has no value for, and why.
var notSet = map[string]string{
	"run KUBECONFIG":               "controllers of the chart run in the cluster that they control",
	"run MEMGRAPH_CONTAINER":       "the chart's container has the name that is the default",
	"prepare-node TERMINATION_LOG": "the chart leaves the file where Kubernetes puts it, which is the default",
}

// parts are the programs of the chart's containers, as docs/configuration.md calls
// them.
var parts = map[string]func(*testing.T, *rendering) corev1.Container{
	"run": controller, "prepare-node": prepareNode, "prestop": memgraph,
}

// documented returns the settings of a program that docs/configuration.md lists. A
// test of internal/config keeps that document true.
func documented(t *testing.T, program string) []string {
	t.Helper()
	_, rest, ok := strings.Cut(read(t, repository+"/docs/configuration.md"), "\n## memgraph-controller "+program+"\n")
	if !ok {
		t.Fatalf("docs/configuration.md says nothing about %s", program)
	}
	section, _, _ := strings.Cut(rest, "\n## ")
	var names []string
	for _, row := range regexp.MustCompile("(?m)^\\| `([A-Z_]+)` \\| `--").FindAllStringSubmatch(section, -1) {
		names = append(names, row[1])
	}
	if len(names) == 0 {
		t.Fatalf("docs/configuration.md lists no setting of %s", program)
	}
	return names
}

// A variable that the program does not know has no effect, and nobody says so. A
// setting without a value is one that users of the chart cannot reach.
func TestSettings(t *testing.T) {
	for program, of := range parts {
		known, set := documented(t, program), map[string]bool{}
		for _, values := range sets(t) {
			for name := range env(of(t, render(t, values))) {
				set[name] = true
				if !slices.Contains(known, name) && !extra(program, name) {
					t.Errorf("%s: the chart sets %s, which %s does not know", values, name, program)
				}
			}
		}
		for _, name := range known {
			if why := notSet[program+" "+name]; set[name] == (why != "") {
				t.Errorf("%s of %s is set by some values: %t; excused: %q", name, program, set[name], why)
			}
		}
	}
}

// extra reports whether a variable is one that values/everything-on.yaml adds, or
// that the Memgraph container has for Memgraph itself.
func extra(program, name string) bool {
	return program == "run" && name == "GOMEMLIMIT" || program == "prestop" && slices.Contains([]string{"TZ", "MEMGRAPH_USER", "MEMGRAPH_PASSWORD"}, name)
}

func TestExcusesHold(t *testing.T) {
	eachSet(t, func(t *testing.T, r *rendering) {
		if c, err := settingsOf(t, r); err == nil && c.MemgraphContainer != memgraph(t, r).Name {
			t.Errorf("the controller looks for container %q, it is called %q", c.MemgraphContainer, memgraph(t, r).Name)
		}
		if path := prepareNode(t, r).TerminationMessagePath; path != "" {
			t.Errorf("the termination log is at %s", path)
		}
	})
}

// The programs' own rules are stricter than a schema can say: what the chart lets
// pass must not end in a pod that exits with code 2.
func TestProgramsTakeTheirSettings(t *testing.T) {
	eachSet(t, accepted)
}

// accepted checks that every program takes the settings of its container.
func accepted(t *testing.T, r *rendering) {
	t.Helper()
	if _, err := settingsOf(t, r); err != nil {
		t.Errorf("run: %v", err)
	}
	pod := statefulSet(t, r).Name + "-0"
	if err := complete(config.BindPreparation, variables(prepareNode(t, r), pod, r.namespace)); err != nil {
		t.Errorf("prepare-node: %v", err)
	}
	if err := complete(config.BindPreStop, variables(memgraph(t, r), pod, r.namespace)); err != nil {
		t.Errorf("prestop: %v", err)
	}
}

// settingsOf returns the settings of the controller, as it reads them.
func settingsOf(t *testing.T, r *rendering) (config.Config, error) {
	t.Helper()
	return config.Bind(pflag.NewFlagSet("run", pflag.ContinueOnError)).Complete(variables(controller(t, r), deployment(t, r).Name+"-5d9c7b8f6-abcde", r.namespace))
}

func complete[T any](bind func(*pflag.FlagSet) *config.Flags[T], lookup func(string) (string, bool)) error {
	_, err := bind(pflag.NewFlagSet("test", pflag.ContinueOnError)).Complete(lookup)
	return err
}

// variables is a container's environment as the kubelet makes it.
func variables(c corev1.Container, pod, namespace string) func(string) (string, bool) {
	fields := map[string]string{"metadata.name": pod, "metadata.namespace": namespace, "metadata.uid": "2f1c7d0e"}
	set := env(c)
	return func(name string) (string, bool) {
		e, ok := set[name]
		if from := e.ValueFrom; from != nil && from.FieldRef != nil {
			return fields[from.FieldRef.FieldPath], ok
		} else if from != nil {
			return "secret", ok
		}
		return e.Value, ok
	}
}

// What is not set keeps the program's default: the chart has none of its own that
// could drift from docs/configuration.md.
func TestDefaultsAreTheProgramsOwn(t *testing.T) {
	r := render(t, "defaults")
	got, err := settingsOf(t, r)
	if err != nil {
		t.Fatal(err)
	}
	own := map[string]bool{"POD_NAME": true, "NAMESPACE": true, "STATEFULSET_NAME": true, "SERVICE_NAME": true} // they name the release's objects
	bare := config.Bind(pflag.NewFlagSet("run", pflag.ContinueOnError))
	all := variables(controller(t, r), got.PodName, r.namespace)
	want, err := bare.Complete(func(name string) (string, bool) {
		if !own[name] {
			return "", false
		}
		return all(name)
	})
	if err != nil || got != want {
		t.Errorf("by default the chart sets\n%+v\nwant the program's defaults (%v)\n%+v", got, err, want)
	}
}

// What values/everything-on.yaml says reaches the program as it was meant.
func TestValuesReachTheController(t *testing.T) {
	got, err := settingsOf(t, render(t, "everything-on"))
	if err != nil {
		t.Fatal(err)
	}
	text := got.LogValue().String()
	for _, want := range []string{
		"APP_NAME=graph-controller", "HTTP_PORT=18080", "RECONCILE_INTERVAL=1m", "MEMGRAPH_REPLICAS=5", "MEMGRAPH_USER=secret", "BOLT_PORT=17687",
		"REPLICATION_PORT=20000", "MEMGRAPH_TLS_ENABLED=true", "MEMGRAPH_TLS_CA_PATH=/memgraph-tls/ca.crt", "GATEWAY_BIND_ADDRESS=[::]:27687", "ENABLE_READ_GATEWAY=true", "READ_GATEWAY_BIND_ADDRESS=[::]:27688",
		"GATEWAY_ADVERTISED_ADDRESS=graph.example.org:7687", "READ_GATEWAY_ADVERTISED_ADDRESS=graph.example.org:7688",
		"GATEWAY_HOLD_TIMEOUT=20s", "STATE_CONFIGMAP=graph-state", "LEASE_NAME=graph-leader", "LEASE_DURATION=30s", "RENEW_DEADLINE=20s", "RETRY_PERIOD=4s",
		"FAIL_AFTER=5s", "STANDBY_GRACE=0s", "SEAT_WAIT=500ms", "BOOTSTRAP_TIMEOUT=10m", "MAX_LAG=0", "MAX_LAG_TIME=30s", "DURABILITY=strict", "LOG_LEVEL=debug", "LOG_FORMAT=json", "LOG_ADD_SOURCE=true",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the controller's settings are %s\nwant %s among them", text, want)
		}
	}
}
