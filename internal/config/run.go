package config

import (
	"log/slog"
	"math"
	"net"
	"strconv"
	"strings"
	"time"

	"memgraph-controller/internal/cluster"
	"memgraph-controller/internal/election"
)

// namespaceFile is where Kubernetes tells a pod its namespace.
const namespaceFile = "/var/run/secrets/kubernetes.io/serviceaccount/namespace"

// The groups of run, as the documentation has them.
const (
	groupSelf       = "This controller"
	groupNodes      = "The Memgraph nodes"
	groupDoors      = "Doors"
	groupKubernetes = "Record and lease"
	groupPolicy     = "Policy"
	groupLog        = "Log"
)

var (
	policy = cluster.DefaultPolicy()
	timing = election.DefaultTiming()
)

// run is the table of the controller itself.
var run = table[Config]{settings: runSettings(), ignored: runIgnored, rules: runRules}

func runSettings() []setting[Config] {
	var all []setting[Config]
	add := func(group string, list ...setting[Config]) {
		for _, s := range list {
			s.group = group
			all = append(all, s)
		}
	}
	add(groupSelf, selfSettings()...)
	add(groupNodes, nodeSettings()...)
	add(groupDoors, append(doorSettings(), limitSettings()...)...)
	add(groupKubernetes, kubernetesSettings()...)
	add(groupPolicy, policySettings()...)
	add(groupLog, logSettings()...)
	return all
}

func selfSettings() []setting[Config] {
	return []setting[Config]{
		{name: "APP_NAME", def: "memgraph-controller", about: "Name in logs, metrics and Events", field: at(labels(), func(c *Config) *string { return &c.AppName })},
		{name: "NAMESPACE", derived: "the pod's own, or `default`", derive: ownNamespace, about: "Namespace of everything below", field: at(labels(), func(c *Config) *string { return &c.Namespace })},
		{name: "POD_NAME", required: true, about: "Name of this pod: who holds the lease", field: at(subdomains(), func(c *Config) *string { return &c.PodName })},
		{name: "HTTP_PORT", def: "8080", about: "Port of probes, status and metrics", field: at(ports(), func(c *Config) *int { return &c.HTTPPort })},
		{name: "RECONCILE_INTERVAL", def: "30s", about: "How often everything is looked at without any hint", field: at(durations(time.Second), func(c *Config) *time.Duration { return &c.ReconcileInterval })},
		{name: "KUBECONFIG", derived: "the cluster it runs in", about: "Kubeconfig file, to run outside of the cluster", field: at(texts[string]("path", "a path"), func(c *Config) *string { return &c.Kubeconfig })},
	}
}

func nodeSettings() []setting[Config] {
	return []setting[Config]{
		{name: "STATEFULSET_NAME", def: "memgraph", about: "StatefulSet of the nodes; its pod n is node n", field: at(labels(), func(c *Config) *string { return &c.StatefulSetName })},
		{name: "SERVICE_NAME", derived: "STATEFULSET_NAME", derive: func(c *Config, _ reader) string { return c.StatefulSetName }, about: "Headless Service of the StatefulSet", field: at(labels(), func(c *Config) *string { return &c.ServiceName })},
		{name: "MEMGRAPH_REPLICAS", def: "3", about: "Number of nodes", field: at(integers(1, 9), func(c *Config) *int { return &c.Replicas })},
		{name: "MEMGRAPH_CONTAINER", def: "memgraph", about: "Container of the pods that runs Memgraph", field: at(labels(), func(c *Config) *string { return &c.MemgraphContainer })},
		{name: "MEMGRAPH_USER", derived: "nobody", about: "Memgraph user of the controller, the same on every node", field: at(texts[string]("text", "a user name"), func(c *Config) *string { return &c.MemgraphUser })},
		{name: "MEMGRAPH_PASSWORD", derived: "none", secret: true, about: "Its password; the variable is safer than the flag, which process lists show", field: at(texts[Secret]("text", "a password"), func(c *Config) *Secret { return &c.MemgraphPassword })},
		{name: "MEMGRAPH_TLS_ENABLED", def: "false", about: "Whether the nodes' Bolt ports speak TLS; they show a certificate for their host names", field: at(booleans(), func(c *Config) *bool { return &c.MemgraphTLS })},
		{name: "MEMGRAPH_TLS_CA_PATH", derived: "the authorities of the system", about: "File with the certificates of those who vouch for the nodes", field: at(optionalPaths(), func(c *Config) *string { return &c.MemgraphCA })},
		{name: "BOLT_PORT", def: "7687", about: "Bolt port of the nodes", field: at(ports(), func(c *Config) *int { return &c.BoltPort })},
		{name: "REPLICATION_PORT", def: "10000", about: "Replication port of the nodes", field: at(ports(), func(c *Config) *int { return &c.ReplicationPort })},
	}
}

func doorSettings() []setting[Config] {
	return []setting[Config]{
		{name: "GATEWAY_BIND_ADDRESS", def: "0.0.0.0:7687", about: "Where clients of MAIN are let in", field: at(addresses(), func(c *Config) *string { return &c.GatewayAddress })},
		{name: "ENABLE_READ_GATEWAY", def: "true", about: "Whether there is a door for clients that only read, from replicas", field: at(booleans(), func(c *Config) *bool { return &c.ReadGateway })},
		{name: "READ_GATEWAY_BIND_ADDRESS", alias: "GATEWAY_READ_BIND_ADDRESS", def: "0.0.0.0:7688", about: "Where those are let in", field: at(addresses(), func(c *Config) *string { return &c.ReadGatewayAddress })},
		{name: "READ_GATEWAY_FALLBACK", def: "true", about: "Whether clients that only read are led to MAIN while there is no replica to read from; otherwise they are held", field: at(booleans(), func(c *Config) *bool { return &c.ReadFallback })},
		{name: "GATEWAY_ADVERTISED_ADDRESS", derived: "the address by which the driver has come", about: "Where drivers with a `neo4j://` address are told to write", field: at(hostPorts(), func(c *Config) *string { return &c.AdvertisedAddress })},
		{name: "READ_GATEWAY_ADVERTISED_ADDRESS", derived: "the host by which the driver has come, and the port of READ_GATEWAY_BIND_ADDRESS", about: "Where they are told to read", field: at(hostPorts(), func(c *Config) *string { return &c.AdvertisedReadAddress })},
		{name: "GATEWAY_HOLD_TIMEOUT", def: "10s", about: "How long a new client is held while there is no MAIN, before it is refused", field: at(durations(100*time.Millisecond), func(c *Config) *time.Duration { return &c.HoldTimeout })},
	}
}

func limitSettings() []setting[Config] {
	return []setting[Config]{
		{name: "GATEWAY_MAX_CONNECTIONS", def: "10000", about: "Connections at a time, of both doors of this replica", field: at(integers(1, 100000), func(c *Config) *int { return &c.MaxConnections })},
		{name: "GATEWAY_MAX_CONNECTIONS_PER_ADDRESS", def: "0", about: "The same from one address (of IPv6, one network of 64 bits); 0 is no limit. Where a proxy or a Service hides where clients come from, all have one address", field: at(integers(0, 100000), func(c *Config) *int { return &c.MaxPerAddress })},
		{name: "GATEWAY_RATE_LIMIT_ENABLED", def: "false", about: "Whether new connections from one address are limited in their rate", field: at(booleans(), func(c *Config) *bool { return &c.RateLimit })},
		{name: "GATEWAY_RATE_LIMIT_RPS", def: "100", about: "How many a second then", field: at(integers(1, 1000000), func(c *Config) *int { return &c.RateRPS })},
		{name: "GATEWAY_RATE_LIMIT_BURST", def: "200", about: "How many at once before that counts", field: at(integers(1, 1000000), func(c *Config) *int { return &c.RateBurst })},
		{name: "GATEWAY_IDLE_TIMEOUT", def: "0s", about: "How long a session may ask nothing while nothing is open in it", field: at(durations(0), func(c *Config) *time.Duration { return &c.IdleTimeout })},
		{name: "GATEWAY_DRAIN_TIMEOUT", def: "10s", about: "How long what is open in sessions may go on when this replica stops; idle sessions end at once", field: at(durations(0), func(c *Config) *time.Duration { return &c.DrainTimeout })},
		{name: "GATEWAY_TLS_ENABLED", def: "false", about: "Whether both doors speak TLS, 1.2 or later", field: at(booleans(), func(c *Config) *bool { return &c.GatewayTLS })},
		{name: "GATEWAY_TLS_CERT_PATH", derived: "none", about: "File with their certificate and its chain, in PEM; a new one counts within a second, without a restart", field: at(optionalPaths(), func(c *Config) *string { return &c.GatewayCertificate })},
		{name: "GATEWAY_TLS_KEY_PATH", derived: "none", about: "File with its key, in PEM", field: at(optionalPaths(), func(c *Config) *string { return &c.GatewayKey })},
		{name: "GATEWAY_TLS_CLIENT_CA_PATH", derived: "clients need no certificate", about: "File with the certificates of those who vouch for clients, which then need one", field: at(optionalPaths(), func(c *Config) *string { return &c.GatewayClientCA })},
	}
}

func kubernetesSettings() []setting[Config] {
	return []setting[Config]{
		{name: "STATE_CONFIGMAP", def: "memgraph-controller-state", about: "ConfigMap that keeps the record", field: at(subdomains(), func(c *Config) *string { return &c.StateConfigMap })},
		{name: "LEASE_NAME", def: "memgraph-controller-leader", about: "Lease that the leader holds", field: at(subdomains(), func(c *Config) *string { return &c.LeaseName })},
		{name: "LEASE_DURATION", def: short(timing.LeaseDuration), about: "How long the others wait after the leader was last heard of; whole seconds", field: at(durations(time.Second), func(c *Config) *time.Duration { return &c.LeaseDuration })},
		{name: "RENEW_DEADLINE", def: short(timing.RenewDeadline), about: "How long the leader tries to renew before it steps down; at most LEASE_DURATION less 1s", field: at(durations(time.Millisecond), func(c *Config) *time.Duration { return &c.RenewDeadline })},
		{name: "RETRY_PERIOD", def: short(timing.RetryPeriod), about: "Pause between tries to get or renew the lease; less than RENEW_DEADLINE / 1.2", field: at(durations(time.Millisecond), func(c *Config) *time.Duration { return &c.RetryPeriod })},
	}
}

func policySettings() []setting[Config] {
	return []setting[Config]{
		{name: "FAIL_AFTER", def: short(policy.FailAfter), about: "How long MAIN may stay silent before it counts as lost; a process that has ended is not waited for", field: at(durations(500*time.Millisecond), func(c *Config) *time.Duration { return &c.FailAfter })},
		{name: "STANDBY_GRACE", def: short(policy.StandbyGrace), about: "How long the standby may be down or out of step before another replica takes its seat; writes are refused meanwhile", field: at(durations(0), func(c *Config) *time.Duration { return &c.StandbyGrace })},
		{name: "SEAT_WAIT", def: short(policy.SeatWait), about: "How long a new MAIN stays closed to clients for the sake of filling the standby seat first; at most FAIL_AFTER", field: at(durations(0), func(c *Config) *time.Duration { return &c.SeatWait })},
		{name: "BOOTSTRAP_TIMEOUT", def: short(policy.BootstrapTimeout), about: "How long a bootstrap waits for nodes that do not answer, before it goes on without them if nothing can be lost by it", field: at(durations(time.Second), func(c *Config) *time.Duration { return &c.BootstrapTimeout })},
		{name: "MAX_LAG", def: strconv.FormatInt(policy.MaxLag, 10), about: "How many timestamps a replica may be behind MAIN and still be read from", field: at(integers[int64](0, 0), func(c *Config) *int64 { return &c.MaxLag })},
		{name: "MAX_LAG_TIME", def: short(policy.MaxLagTime), about: "For how long MAIN may have had more than a replica that is still read from, to half a second and as far as this leader has seen this MAIN; 0s: there is no such limit", field: at(durations(0), func(c *Config) *time.Duration { return &c.MaxLagTime })},
		{name: "DURABILITY", def: policy.Durability.String(), about: "What happens when no replica can hold the standby seat: writes are acknowledged unprotected and an alarm is raised (`available`), or refused (`strict`)", field: at(durabilities(), func(c *Config) *cluster.Durability { return &c.Durability })},
	}
}

func logSettings() []setting[Config] {
	return []setting[Config]{
		{name: "LOG_LEVEL", def: "info", about: "The least important lines to write", field: at(levels(), func(c *Config) *slog.Level { return &c.LogLevel })},
		{name: "LOG_FORMAT", def: "text", about: "How they are written", field: at(choices("text", "json"), func(c *Config) *string { return &c.LogFormat })},
		{name: "LOG_ADD_SOURCE", def: "false", about: "Whether each line says where in the code it comes from", field: at(booleans(), func(c *Config) *bool { return &c.LogAddSource })},
	}
}

// ownNamespace returns the namespace of the pod, "default" outside of one.
func ownNamespace(_ *Config, read reader) string {
	if b, err := read(namespaceFile); err == nil && strings.TrimSpace(string(b)) != "" {
		return strings.TrimSpace(string(b))
	}
	return "default"
}

// runIgnored are variables of earlier deployments.
var runIgnored = [][2]string{
	{"GATEWAY_ENABLED", "there is always a gateway"},
	{"ENABLE_ADMIN_API", "requests are annotations of the record's ConfigMap"},
	{"PRESTOP_TIMEOUT_SECONDS", "the preStop hook has its own PRESTOP_TIMEOUT"},
	{"RELEASE_NAME", "every object has a setting of its own for its name"},
	{"GATEWAY_TIMEOUT", noSetting},
	{"GATEWAY_BUFFER_SIZE", noSetting},
	{"GATEWAY_HEALTH_CHECK_INTERVAL", noSetting},
	{"GATEWAY_CONNECTION_TIMEOUT", noSetting},
	{"GATEWAY_MAX_BYTES_PER_CONNECTION", "sessions may be of any size"},
	{"GATEWAY_CLEANUP_INTERVAL", noSetting},
	{"GATEWAY_RATE_LIMIT_WINDOW", "rates are by the second, after a burst"},
	{"GATEWAY_LOG_LEVEL", "LOG_LEVEL is for the gateway too"},
	{"GATEWAY_TRACE_ENABLED", noSetting},
}

const noSetting = "the gateway has no such setting"

// runRules check what no single setting can.
func runRules(c *Config, bad *complaints[Config]) {
	if c.MemgraphPassword != "" && c.MemgraphUser == "" {
		bad.wrong("%s is set without MEMGRAPH_USER: want both, or neither", bad.said["MEMGRAPH_PASSWORD"])
	}
	if bad.sound("BOLT_PORT", "REPLICATION_PORT") && c.BoltPort == c.ReplicationPort {
		bad.wrong("%s and %s are the same port of a node: want two", bad.said["BOLT_PORT"], bad.said["REPLICATION_PORT"])
	}
	doors := [][2]string{{"HTTP_PORT", c.HTTPAddress()}, {"GATEWAY_BIND_ADDRESS", c.GatewayAddress}}
	if c.ReadGateway {
		doors = append(doors, [2]string{"READ_GATEWAY_BIND_ADDRESS", c.ReadGatewayAddress})
	}
	for i, a := range doors {
		for _, b := range doors[:i] {
			if bad.sound(a[0], b[0]) && collide(a[1], b[1]) {
				bad.wrong("%s and %s are the same port of this controller: want two", bad.said[b[0]], bad.said[a[0]])
			}
		}
	}
	if longest := c.StatefulSetName + "-" + strconv.Itoa(c.Replicas-1); bad.sound("STATEFULSET_NAME", "MEMGRAPH_REPLICAS") && len(longest) > 63 {
		bad.wrong("%s: want a name that leaves room for the ordinals of its pods, at most %d letters", bad.said["STATEFULSET_NAME"], 63-len("-0"))
	}
	if c.GatewayTLS && (c.GatewayCertificate == "" || c.GatewayKey == "") {
		bad.wrong("%s without GATEWAY_TLS_CERT_PATH and GATEWAY_TLS_KEY_PATH: want both files", bad.said["GATEWAY_TLS_ENABLED"])
	}
	if bad.sound("LEASE_DURATION", "RENEW_DEADLINE", "RETRY_PERIOD") {
		bad.all(c.Timing().Validate())
	}
	if bad.sound("FAIL_AFTER", "STANDBY_GRACE", "SEAT_WAIT", "BOOTSTRAP_TIMEOUT", "MAX_LAG", "MAX_LAG_TIME", "DURABILITY") {
		bad.all(c.Policy().Validate())
	}
}

// collide reports whether two listeners of one process would be in each other's
// way. Both addresses are valid.
func collide(a, b string) bool {
	hostA, portA, _ := net.SplitHostPort(a)
	hostB, portB, _ := net.SplitHostPort(b)
	every := func(host string) bool { return host == "" || net.ParseIP(host).IsUnspecified() }
	same := every(hostA) || every(hostB) || net.ParseIP(hostA).Equal(net.ParseIP(hostB))
	return number(portA) == number(portB) && same
}

// number reads a valid port, which may have leading zeros.
func number(port string) int {
	n, err := strconv.Atoi(port)
	if err != nil {
		return math.MinInt
	}
	return n
}
