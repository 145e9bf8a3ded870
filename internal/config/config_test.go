package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"memgraph-controller/internal/cluster"
	"memgraph-controller/internal/election"
	"memgraph-controller/internal/memgraph"
)

// load reads settings as a program would, outside of a pod.
func load[T any](bind func(*pflag.FlagSet) *Flags[T], args []string, env map[string]string) (T, *Flags[T], error) {
	set := pflag.NewFlagSet("test", pflag.ContinueOnError)
	flags := bind(set)
	flags.read = func(string) ([]byte, error) { return nil, fs.ErrNotExist }
	if err := set.Parse(args); err != nil {
		var none T
		return none, flags, err
	}
	t, err := flags.Complete(func(name string) (string, bool) { v, ok := env[name]; return v, ok })
	return t, flags, err
}

// env is an environment with what is required and the pairs given.
func env(pairs ...string) map[string]string {
	m := map[string]string{"POD_NAME": "controller-0"}
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i]] = pairs[i+1]
	}
	return m
}

func TestDefaults(t *testing.T) {
	got, flags, err := load(Bind, nil, env())
	if err != nil {
		t.Fatal(err)
	}
	want := Config{
		AppName: "memgraph-controller", Namespace: "default", PodName: "controller-0",
		StatefulSetName: "memgraph", ServiceName: "memgraph", Replicas: 3, MemgraphContainer: "memgraph",
		BoltPort: 7687, ReplicationPort: 10000,
		GatewayAddress: "0.0.0.0:7687", ReadGateway: true, ReadGatewayAddress: "0.0.0.0:7688", ReadFallback: true, HoldTimeout: 10 * time.Second,
		MaxConnections: 10000, RateRPS: 100, RateBurst: 200, DrainTimeout: 10 * time.Second,
		HTTPPort: 8080, ReconcileInterval: 30 * time.Second,
		StateConfigMap: "memgraph-controller-state", LeaseName: "memgraph-controller-leader",
		LeaseDuration: 15 * time.Second, RenewDeadline: 10 * time.Second, RetryPeriod: 2 * time.Second,
		FailAfter: 3 * time.Second, StandbyGrace: 200 * time.Millisecond, SeatWait: 300 * time.Millisecond,
		BootstrapTimeout: 2 * time.Minute, MaxLag: 1000, Durability: cluster.Available,
		LogLevel: slog.LevelInfo, LogFormat: "text",
	}
	if got != want {
		t.Errorf("defaults are\n%+v\nwant\n%+v", got, want)
	}
	if got.Policy() != cluster.DefaultPolicy() || got.Timing() != election.DefaultTiming() || got.Credentials() != (memgraph.Credentials{}) {
		t.Errorf("policy %+v, timing %+v, credentials of %q; want the defaults of those packages", got.Policy(), got.Timing(), got.MemgraphUser)
	}
	if ignored := flags.Ignored(); len(ignored) != 0 {
		t.Errorf("ignored: %v", ignored)
	}
}

func TestEverySettingIsReadFromFlagAndEnvironment(t *testing.T) {
	args, vars := []string{}, map[string]string{}
	want := map[string]string{}
	for name, pair := range map[string][2]string{ // flag, environment
		"APP_NAME": {"a", "b"}, "NAMESPACE": {"n1", "n2"}, "POD_NAME": {"p-1", "p-2"}, "HTTP_PORT": {"1", "2"},
		"RECONCILE_INTERVAL": {"1s", "2s"}, "KUBECONFIG": {"/k1", "/k2"}, "STATEFULSET_NAME": {"s1", "s2"},
		"SERVICE_NAME": {"v1", "v2"}, "MEMGRAPH_REPLICAS": {"1", "9"}, "MEMGRAPH_CONTAINER": {"c1", "c2"},
		"MEMGRAPH_USER": {"u1", "u2"}, "MEMGRAPH_PASSWORD": {"x1", "x2"}, "BOLT_PORT": {"11", "12"},
		"REPLICATION_PORT": {"21", "22"}, "GATEWAY_BIND_ADDRESS": {":31", "127.0.0.1:32"}, "ENABLE_READ_GATEWAY": {"false", "true"},
		"READ_GATEWAY_BIND_ADDRESS": {"[::]:41", ":42"}, "GATEWAY_HOLD_TIMEOUT": {"1m", "1h2m"},
		"GATEWAY_ADVERTISED_ADDRESS": {"h1:1", "[::1]:2"}, "READ_GATEWAY_ADVERTISED_ADDRESS": {"a.b:3", "10.0.0.1:4"},
		"READ_GATEWAY_FALLBACK":   {"false", "true"},
		"GATEWAY_MAX_CONNECTIONS": {"1", "100000"}, "GATEWAY_MAX_CONNECTIONS_PER_ADDRESS": {"2", "0"}, "GATEWAY_RATE_LIMIT_ENABLED": {"true", "false"},
		"GATEWAY_RATE_LIMIT_RPS": {"3", "4"}, "GATEWAY_RATE_LIMIT_BURST": {"5", "6"}, "GATEWAY_IDLE_TIMEOUT": {"5m", "0s"}, "GATEWAY_DRAIN_TIMEOUT": {"0s", "1m"},
		"GATEWAY_TLS_ENABLED": {"true", "false"}, "GATEWAY_TLS_CERT_PATH": {"/c1", "/c2"}, "GATEWAY_TLS_KEY_PATH": {"/k3", "/k4"}, "GATEWAY_TLS_CLIENT_CA_PATH": {"", "/a1"},
		"MEMGRAPH_TLS_ENABLED": {"true", "false"}, "MEMGRAPH_TLS_CA_PATH": {"/a2", "/a3"},
		"STATE_CONFIGMAP": {"m1.x", "m2.x"}, "LEASE_NAME": {"l1.x", "l2.x"}, "LEASE_DURATION": {"20s", "30s"},
		"RENEW_DEADLINE": {"7s", "8s"}, "RETRY_PERIOD": {"1s", "3s"}, "FAIL_AFTER": {"500ms", "4s"},
		"STANDBY_GRACE": {"0s", "1s"}, "SEAT_WAIT": {"0s", "1s"}, "BOOTSTRAP_TIMEOUT": {"1s", "9h"}, "MAX_LAG": {"0", "9000000000"}, "MAX_LAG_TIME": {"0s", "1m"},
		"DURABILITY": {"strict", "available"}, "LOG_LEVEL": {"debug", "error"}, "LOG_FORMAT": {"json", "text"}, "LOG_ADD_SOURCE": {"true", "false"},
	} {
		args = append(args, "--"+strings.ToLower(strings.ReplaceAll(name, "_", "-"))+"="+pair[0])
		vars[name] = pair[1]
		want[name] = pair[0]
	}
	shown := func(c Config) map[string]string {
		m := map[string]string{}
		for _, s := range run.settings {
			m[s.name] = s.field.show(&c)
		}
		return m
	}
	fromFlags, _, err := load(Bind, args, vars)
	if err != nil {
		t.Fatal(err)
	}
	if got := shown(fromFlags); !reflect.DeepEqual(got, want) {
		t.Errorf("with flags and environment:\n%v\nwant what the flags say:\n%v", got, want)
	}
	fromEnv, _, err := load(Bind, nil, vars)
	if err != nil {
		t.Fatal(err)
	}
	if got := shown(fromEnv); !reflect.DeepEqual(got, vars) {
		t.Errorf("with the environment alone:\n%v\nwant\n%v", got, vars)
	}
	if fromEnv.Credentials() != (memgraph.Credentials{User: "u2", Password: "x2"}) {
		t.Error("the credentials are not those given")
	}
}

func TestEmptyVariableCountsAsUnset(t *testing.T) {
	vars := env("FAIL_AFTER", "", "NAMESPACE", "", "MEMGRAPH_USER", "", "READ_GATEWAY_BIND_ADDRESS", "", "GATEWAY_ENABLED", "")
	c, flags, err := load(Bind, nil, vars)
	if err != nil || c.FailAfter != 3*time.Second || c.Namespace != "default" || c.ReadGatewayAddress != "0.0.0.0:7688" || len(flags.Ignored()) != 0 {
		t.Errorf("%+v, %v, %v; want the defaults", c, flags.Ignored(), err)
	}
	if c, _, err = load(Bind, []string{"--memgraph-user="}, env("MEMGRAPH_USER", "somebody")); err != nil || c.MemgraphUser != "" {
		t.Errorf("an empty flag beside a variable gives user %q, %v; want nobody", c.MemgraphUser, err)
	}
}

func TestDerivedDefaults(t *testing.T) {
	c, _, err := load(Bind, []string{"--statefulset-name", "graph"}, env())
	if err != nil || c.ServiceName != "graph" {
		t.Errorf("service %q, %v; want that of the StatefulSet", c.ServiceName, err)
	}
	set := pflag.NewFlagSet("test", pflag.ContinueOnError)
	flags := Bind(set)
	flags.read = func(path string) ([]byte, error) {
		if path != "/var/run/secrets/kubernetes.io/serviceaccount/namespace" {
			return nil, errors.New("no such file")
		}
		return []byte("production\n"), nil
	}
	c, err = flags.Complete(func(name string) (string, bool) { v, ok := env()[name]; return v, ok })
	if err != nil || c.Namespace != "production" {
		t.Errorf("namespace %q, %v; want the pod's", c.Namespace, err)
	}
}

func TestBareBooleanFlag(t *testing.T) {
	c, _, err := load(Bind, []string{"--log-add-source"}, env("LOG_ADD_SOURCE", "false"))
	if err != nil || !c.LogAddSource {
		t.Errorf("--log-add-source alone gives %t, %v", c.LogAddSource, err)
	}
}

func TestTopology(t *testing.T) {
	c, _, err := load(Bind, nil, env("STATEFULSET_NAME", "g-memgraph", "SERVICE_NAME", "g-nodes", "NAMESPACE", "prod", "MEMGRAPH_REPLICAS", "2", "BOLT_PORT", "7000"))
	if err != nil {
		t.Fatal(err)
	}
	want := cluster.Topology{
		{Name: "g-memgraph-0", Bolt: "g-memgraph-0.g-nodes.prod.svc:7000", Replication: "g-memgraph-0.g-nodes.prod.svc:10000"},
		{Name: "g-memgraph-1", Bolt: "g-memgraph-1.g-nodes.prod.svc:7000", Replication: "g-memgraph-1.g-nodes.prod.svc:10000"},
	}
	if got := c.Topology(); !slices.Equal(got, want) {
		t.Errorf("topology %+v\nwant %+v", got, want)
	}
	if c.HTTPAddress() != ":8080" {
		t.Errorf("HTTP at %q", c.HTTPAddress())
	}
}

func TestEarlierDeployments(t *testing.T) {
	vars := env("GATEWAY_READ_BIND_ADDRESS", "127.0.0.1:9999", "GATEWAY_ENABLED", "true", "GATEWAY_BUFFER_SIZE", "1024", "LOG_LEVEL", "INFO")
	c, flags, err := load(Bind, nil, vars)
	if err != nil || c.ReadGatewayAddress != "127.0.0.1:9999" || c.LogLevel != slog.LevelInfo {
		t.Errorf("read door at %q, level %s, %v; want the alias and the capitals understood", c.ReadGatewayAddress, c.LogLevel, err)
	}
	want := []string{"GATEWAY_ENABLED: there is always a gateway", "GATEWAY_BUFFER_SIZE: the gateway has no such setting"}
	if got := flags.Ignored(); !slices.Equal(got, want) {
		t.Errorf("ignored: %q; want %q", got, want)
	}
	vars["READ_GATEWAY_BIND_ADDRESS"] = ":9998"
	c, flags, err = load(Bind, nil, vars)
	if err != nil || c.ReadGatewayAddress != ":9998" || !slices.Contains(flags.Ignored(), "GATEWAY_READ_BIND_ADDRESS: READ_GATEWAY_BIND_ADDRESS is set as well") {
		t.Errorf("read door at %q, ignored %q, %v; want the setting's own name to win, and that to be said", c.ReadGatewayAddress, flags.Ignored(), err)
	}
	_, _, err = load(Bind, nil, env("GATEWAY_READ_BIND_ADDRESS", "here"))
	if err == nil || !strings.HasPrefix(err.Error(), `GATEWAY_READ_BIND_ADDRESS "here": want an IP address and a port`) {
		t.Errorf("a bad alias is called %v; want its own name", err)
	}
}

func TestThePasswordIsInNoPrint(t *testing.T) {
	c, _, err := load(Bind, nil, env("MEMGRAPH_USER", "u", "MEMGRAPH_PASSWORD", "hunter2"))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
		fmt.Fprintf(&out, verb+"\n", c)
		fmt.Fprintf(&out, verb+"\n", &c)
		fmt.Fprintf(&out, verb+"\n", c.MemgraphPassword)
	}
	fmt.Fprintln(&out, c, c.MemgraphPassword)
	if b, err := json.Marshal(c); err != nil {
		t.Error(err)
	} else {
		out.Write(b)
	}
	for _, format := range []string{"text", "json"} {
		c.LogFormat = format
		c.Logger(&out).Info("configuration", "config", c, "one", c.MemgraphPassword, "pointer", &c)
	}
	if text := out.String(); strings.Contains(text, "hunter2") || strings.Contains(text, fmt.Sprintf("%x", "hunter2")) || !strings.Contains(text, "[redacted]") {
		t.Errorf("the password can be read, or nothing is said of it:\n%s", text)
	}
	set := pflag.NewFlagSet("test", pflag.ContinueOnError)
	Bind(set)
	if err := set.Parse([]string{"--memgraph-password=hunter2"}); err != nil {
		t.Fatal(err)
	}
	set.VisitAll(func(f *pflag.Flag) {
		if strings.Contains(f.Value.String(), "hunter2") {
			t.Errorf("flag --%s shows it", f.Name)
		}
	})
	if strings.Contains(set.FlagUsages(), "hunter2") {
		t.Error("the help shows it")
	}
	_, _, err = load(Bind, []string{"--memgraph-password=hunter2"}, env())
	if err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("a password without a user: %v; want an error that does not show it", err)
	}
}

func TestLogger(t *testing.T) {
	var out bytes.Buffer
	c, _, err := load(Bind, []string{"--log-format=json", "--log-level=warn", "--log-add-source"}, env("APP_NAME", "mine"))
	if err != nil {
		t.Fatal(err)
	}
	log := c.Logger(&out)
	log.Info("too quiet")
	log.Warn("heard")
	var line struct {
		Msg, App string
		Source   struct{ File string }
	}
	if err := json.Unmarshal(out.Bytes(), &line); err != nil || line.Msg != "heard" || line.App != "mine" || !strings.HasSuffix(line.Source.File, "config_test.go") {
		t.Errorf("wrote %q: %v", out.String(), err)
	}
	out.Reset()
	c.LogFormat = "text"
	c.Logger(&out).Warn("configuration", "config", c)
	if text := out.String(); !strings.Contains(text, "app=mine") || !strings.Contains(text, "config.FAIL_AFTER=3s") || !strings.Contains(text, "config.LOG_LEVEL=warn") {
		t.Errorf("wrote %q", text)
	}
}
