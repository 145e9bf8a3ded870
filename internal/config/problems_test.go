package config

import (
	"strings"
	"testing"
)

func TestProblems(t *testing.T) {
	for _, c := range []struct {
		name string
		args []string
		env  map[string]string
		want []string // lines
	}{
		{"no name", nil, map[string]string{}, []string{"POD_NAME (or --pod-name) is not set: want a DNS-1123 name: lower-case letters, digits, hyphens and dots, at most 253"}},
		{
			"a bare number", nil, env("RECONCILE_INTERVAL", "30"),
			[]string{`RECONCILE_INTERVAL "30": want a duration with its unit, at least 1s, like 300ms, 5s or 2m; 30 without a unit; write 30s if it is seconds`},
		},
		{"a zero duration", []string{"--gateway-hold-timeout=0s"}, env(), []string{`--gateway-hold-timeout "0s": want a duration with its unit, at least 100ms, like 300ms, 5s or 2m`}},
		{"a negative duration", nil, env("STANDBY_GRACE", "-1s"), []string{`STANDBY_GRACE "-1s": want a duration with its unit, like 300ms, 5s or 2m; 0s is none`}},
		{"a duration too long for one", nil, env("BOOTSTRAP_TIMEOUT", "9999999999h"), []string{`BOOTSTRAP_TIMEOUT "9999999999h": want a duration`}},
		{"an empty flag", []string{"--namespace="}, env("NAMESPACE", "fine"), []string{`--namespace "": want a DNS-1123 label`}},
		{"a flag before a bad variable", []string{"--bolt-port=0"}, env("BOLT_PORT", "x"), []string{`--bolt-port "0": want a port from 1 to 65535`}},
		{"too many nodes", nil, env("MEMGRAPH_REPLICAS", "10"), []string{`MEMGRAPH_REPLICAS "10": want a number from 1 to 9`}},
		{"no node", nil, env("MEMGRAPH_REPLICAS", "0"), []string{`MEMGRAPH_REPLICAS "0": want a number from 1 to 9`}},
		{"a host name as address", nil, env("GATEWAY_BIND_ADDRESS", "localhost:7687"), []string{`GATEWAY_BIND_ADDRESS "localhost:7687": want an IP address and a port`}},
		{"a value of several lines", nil, env("LOG_FORMAT", "a\nb"), []string{`LOG_FORMAT "a\nb": want text or json`}},
		{"a word", nil, env("DURABILITY", "Strict"), []string{`DURABILITY "Strict": want available or strict`}},
		{"a level", nil, env("LOG_LEVEL", "info+1"), []string{`LOG_LEVEL "info+1": want debug, info, warn or error`}},
		{"a lag below zero", nil, env("MAX_LAG", "-1"), []string{`MAX_LAG "-1": want a number of 0 or more`}},
		{"a name", nil, env("STATEFULSET_NAME", "Memgraph"), []string{`STATEFULSET_NAME "Memgraph": want a DNS-1123 label`}},
		{
			"a name without room for an ordinal", nil, env("STATEFULSET_NAME", strings.Repeat("a", 62)),
			[]string{`STATEFULSET_NAME "` + strings.Repeat("a", 62) + `": want a name that leaves room for the ordinals of its pods, at most 61 letters`},
		},
		{"a password alone", nil, env("MEMGRAPH_PASSWORD", "x"), []string{"MEMGRAPH_PASSWORD is set without MEMGRAPH_USER: want both, or neither"}},
		{"one port twice on a node", nil, env("REPLICATION_PORT", "7687"), []string{`BOLT_PORT "7687" (default) and REPLICATION_PORT "7687" are the same port of a node: want two`}},
		{
			"one port for two doors",
			[]string{"--http-port=7687"},
			env(),
			[]string{`--http-port "7687" and GATEWAY_BIND_ADDRESS "0.0.0.0:7687" (default) are the same port of this controller: want two`},
		},
		{
			"one port for all", nil, env("HTTP_PORT", "9", "GATEWAY_BIND_ADDRESS", "10.0.0.1:09", "GATEWAY_READ_BIND_ADDRESS", "[::]:9"),
			[]string{"HTTP_PORT", "HTTP_PORT", "GATEWAY_BIND_ADDRESS"},
		},
		{
			"a lease that two could hold", nil, env("RENEW_DEADLINE", "14500ms"),
			[]string{`RENEW_DEADLINE "14500ms": want at most lease-duration less 1s, which is 14s`},
		},
		{"a hasty lease", []string{"--retry-period=9s"}, env(), []string{`--retry-period "9s": want more than 0 and less than renew-deadline / 1.2`}},
		{"half a second of lease", nil, env("LEASE_DURATION", "15500ms"), []string{`LEASE_DURATION "15500ms": want whole seconds`}},
		{"a seat waited for too long", nil, env("SEAT_WAIT", "4s"), []string{`SEAT_WAIT "4s": want at most fail-after, which is 3s`}},
		{
			"all at once",
			[]string{"--http-port=http", "--log-format=xml"},
			map[string]string{"FAIL_AFTER": "3", "RENEW_DEADLINE": "20s", "MEMGRAPH_PASSWORD": "x"},
			[]string{"POD_NAME (or", `--http-port "http"`, `FAIL_AFTER "3"`, `--log-format "xml"`, "MEMGRAPH_PASSWORD is set", `RENEW_DEADLINE "20s"`},
		},
		{"what depends on a bad value is not blamed", nil, env("STATEFULSET_NAME", "_", "LEASE_DURATION", "1"), []string{`STATEFULSET_NAME "_"`, `LEASE_DURATION "1"`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, _, err := load(Bind, c.args, c.env)
			if err == nil || got != (Config{}) {
				t.Fatalf("%+v, %v; want an error alone", got, err)
			}
			lines := strings.Split(err.Error(), "\n")
			if len(lines) != len(c.want) {
				t.Fatalf("%d problems:\n%v\nwant %d", len(lines), err, len(c.want))
			}
			for i, line := range lines {
				if !strings.HasPrefix(line, c.want[i]) {
					t.Errorf("problem %d is\n%s\nwant\n%s", i, line, c.want[i])
				}
			}
		})
	}
}

func TestDoorsThatDoNotCollide(t *testing.T) {
	for name, vars := range map[string]map[string]string{
		"two addresses, one port":       env("GATEWAY_BIND_ADDRESS", "127.0.0.1:9000", "READ_GATEWAY_BIND_ADDRESS", "127.0.0.2:9000"),
		"a read door that is not there": env("ENABLE_READ_GATEWAY", "false", "READ_GATEWAY_BIND_ADDRESS", "0.0.0.0:7687"),
	} {
		if _, _, err := load(Bind, nil, vars); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The bounds in the table are those of the packages that have the rules.
func TestBoundsOfPolicyAndLease(t *testing.T) {
	for _, s := range run.settings {
		low := map[string][2]string{
			"FAIL_AFTER": {"500ms", "499ms"}, "STANDBY_GRACE": {"0s", "-1ns"}, "SEAT_WAIT": {"0s", "-1ns"},
			"BOOTSTRAP_TIMEOUT": {"1s", "999ms"}, "MAX_LAG": {"0", "-1"}, "MAX_LAG_TIME": {"0s", "-1s"}, "LEASE_DURATION": {"11s", "999ms"},
		}[s.name]
		if low[0] == "" {
			continue
		}
		if _, _, err := load(Bind, nil, env(s.name, low[0])); err != nil {
			t.Errorf("%s=%s: %v", s.name, low[0], err)
		}
		_, _, err := load(Bind, nil, env(s.name, low[1]))
		if err == nil || strings.Contains(err.Error(), "\n") || !strings.HasPrefix(err.Error(), s.name+" ") {
			t.Errorf("%s=%s: %v; want one problem", s.name, low[1], err)
		}
	}
}

func TestPreparationAndPreStop(t *testing.T) {
	p, _, err := load(BindPreparation, []string{"--install-directory="}, env("POD_UID", "u", "KEEP", "5", "INSTALL_DIRECTORY", "/elsewhere"))
	want := Preparation{DataDirectory: "/var/lib/memgraph/mg_data", StateDirectory: "/state", PodName: "controller-0", PodUID: "u", TerminationLog: "/dev/termination-log", Keep: 5}
	if err != nil || p != want {
		t.Errorf("%+v, %v; want %+v", p, err, want)
	}
	_, _, err = load(BindPreparation, []string{"--keep=0"}, map[string]string{"DATA_DIRECTORY": "data", "TERMINATION_LOG": "x"})
	if err == nil || strings.Count(err.Error(), "\n") != 4 {
		t.Errorf("five problems are told as\n%v", err)
	}
	s, _, err := load(BindPreStop, []string{"--timeout=3s"}, env("STATUS_URL", "http://c:8080", "PRESTOP_TIMEOUT", "4s"))
	if err != nil || s != (PreStop{PodName: "controller-0", StatusURL: "http://c:8080", Timeout: 3e9}) {
		t.Errorf("%+v, %v", s, err)
	}
	if p.Node() != 0 || s.Node() != 0 {
		t.Errorf("controller-0 is node %d and %d", p.Node(), s.Node())
	}
	for _, pod := range []string{"memgraph", "0", "memgraph-", "memgraph-01", "memgraph--1", "memgraph-x", "Memgraph-1", "memgraph-99999999999999999999", "-1"} {
		if p, _, err := load(BindPreparation, nil, env("POD_UID", "u", "POD_NAME", pod)); err == nil && pod != "memgraph--1" {
			t.Errorf("%q is taken for the pod of node %d", pod, p.Node())
		}
	}
	for _, url := range []string{"c:8080", "ftp://c", "http://", "http://:8080", "http://a:b@c", "http://c?x=1", "http://c\n"} {
		if _, _, err := load(BindPreStop, nil, env("STATUS_URL", url)); err == nil {
			t.Errorf("%q is taken for the URL of a server", url)
		}
	}
}
