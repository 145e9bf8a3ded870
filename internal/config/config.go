package config

import (
	"fmt"
	"io"
	"log/slog"
	"net"
	"strconv"
	"time"

	"github.com/spf13/pflag"

	"memgraph-controller/internal/cluster"
	"memgraph-controller/internal/election"
	"memgraph-controller/internal/memgraph"
)

// Config is the settings of run, as Complete returns them: all are valid and fit
// together. docs/configuration.md says what each means.
type Config struct {
	AppName, Namespace, PodName       string
	StatefulSetName, ServiceName      string
	Replicas                          int // number of Memgraph nodes, 1 to 9
	MemgraphContainer                 string
	MemgraphUser                      string
	MemgraphPassword                  Secret
	BoltPort, ReplicationPort         int
	GatewayAddress                    string // host:port to listen on
	ReadGateway                       bool
	ReadGatewayAddress                string // host:port to listen on, if ReadGateway
	ReadFallback                      bool   // to MAIN, if ReadGateway
	HoldTimeout                       time.Duration
	AdvertisedAddress                 string // host:port; empty: where the driver came
	AdvertisedReadAddress             string
	MaxConnections, MaxPerAddress     int
	RateLimit                         bool // of new connections from one address
	RateRPS, RateBurst                int  // if RateLimit
	IdleTimeout, DrainTimeout         time.Duration
	GatewayTLS                        bool
	GatewayCertificate, GatewayKey    string // files, if GatewayTLS
	GatewayClientCA                   string // file; empty: clients need no certificate
	MemgraphTLS                       bool
	MemgraphCA                        string // file; empty: the authorities of the system
	HTTPPort                          int
	ReconcileInterval                 time.Duration
	StateConfigMap, LeaseName         string
	LeaseDuration                     time.Duration
	RenewDeadline, RetryPeriod        time.Duration
	FailAfter, StandbyGrace, SeatWait time.Duration
	BootstrapTimeout                  time.Duration
	MaxLag                            int64
	MaxLagTime                        time.Duration
	Durability                        cluster.Durability
	LogLevel                          slog.Level
	LogFormat                         string // text or json
	LogAddSource                      bool
	Kubeconfig                        string // path; "" inside a cluster
}

// Bind adds the flags of run to a flag set. Parse it, then call Complete.
func Bind(flags *pflag.FlagSet) *Flags[Config] { return bind(run, flags) }

// Credentials returns those for every Memgraph node.
func (c Config) Credentials() memgraph.Credentials {
	return memgraph.Credentials{User: c.MemgraphUser, Password: string(c.MemgraphPassword)}
}

// Policy returns what an operator has decided, and the defaults of the rest.
func (c Config) Policy() cluster.Policy {
	p := cluster.DefaultPolicy()
	p.FailAfter, p.StandbyGrace, p.SeatWait = c.FailAfter, c.StandbyGrace, c.SeatWait
	p.BootstrapTimeout, p.MaxLag, p.MaxLagTime, p.Durability = c.BootstrapTimeout, c.MaxLag, c.MaxLagTime, c.Durability
	return p
}

// Timing returns the durations of the lease.
func (c Config) Timing() election.Timing {
	return election.Timing{LeaseDuration: c.LeaseDuration, RenewDeadline: c.RenewDeadline, RetryPeriod: c.RetryPeriod}
}

// Topology returns the nodes: node n is pod n of the StatefulSet, reached by the
// name that the headless Service gives it, which survives a new address.
func (c Config) Topology() cluster.Topology {
	nodes := make(cluster.Topology, c.Replicas)
	for n := range nodes {
		pod := c.StatefulSetName + "-" + strconv.Itoa(n)
		host := fmt.Sprintf("%s.%s.%s.svc", pod, c.ServiceName, c.Namespace)
		nodes[n] = cluster.Node{
			Name:        pod,
			Bolt:        net.JoinHostPort(host, strconv.Itoa(c.BoltPort)),
			Replication: net.JoinHostPort(host, strconv.Itoa(c.ReplicationPort)),
		}
	}
	return nodes
}

// HTTPAddress returns where to serve HTTP: HTTPPort on every address.
func (c Config) HTTPAddress() string { return net.JoinHostPort("", strconv.Itoa(c.HTTPPort)) }

// Logger returns a logger to w of the level and format set, under AppName.
func (c Config) Logger(w io.Writer) *slog.Logger {
	o := &slog.HandlerOptions{Level: c.LogLevel, AddSource: c.LogAddSource}
	var h slog.Handler = slog.NewTextHandler(w, o)
	if c.LogFormat == "json" {
		h = slog.NewJSONHandler(w, o)
	}
	return slog.New(h).With("app", c.AppName)
}

// LogValue returns every setting by the name of its variable, redacted.
func (c Config) LogValue() slog.Value {
	attrs := make([]slog.Attr, 0, len(run.settings))
	for _, s := range run.settings {
		text := s.field.show(&c)
		if s.secret {
			text = Secret(text).shown()
		}
		attrs = append(attrs, slog.String(s.name, text))
	}
	return slog.GroupValue(attrs...)
}
