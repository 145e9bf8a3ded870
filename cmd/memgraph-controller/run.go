package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/klog/v2"

	"memgraph-controller/internal/api"
	"memgraph-controller/internal/app"
	"memgraph-controller/internal/cluster"
	"memgraph-controller/internal/config"
	"memgraph-controller/internal/controller"
	"memgraph-controller/internal/dashboard"
	"memgraph-controller/internal/gateway"
	"memgraph-controller/internal/kube"
	"memgraph-controller/internal/metrics"
)

const runHelp = `Run one controller replica: the gateway and the status API always, and the
loop that keeps the cluster while this replica holds the lease.

Every flag has an environment variable of the same name in capitals
(--fail-after, FAIL_AFTER); a flag beats the variable, the variable beats the
default.`

func runCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "run", Short: "Run a controller replica", Long: runHelp, Args: noArgs}
	flags := config.Bind(cmd.Flags())
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, err := flags.Complete(os.LookupEnv)
		if err != nil {
			return errUsage{fmt.Errorf("settings cannot be used:\n%w", err)}
		}
		log := c.Logger(cmd.ErrOrStderr())
		log.Info("started", "version", programVersion(), "config", c)
		for _, text := range flags.Ignored() {
			log.Warn("setting has no effect", "setting", text)
		}
		quieten(log)
		if err := run(cmd.Context(), c, log); err != nil {
			return err
		}
		log.Info("stopped")
		return nil
	}
	return cmd
}

// quieten sends what client-go has to say to the debug level: what matters of it is
// told by those who use it. It also has its connections noticed when they are dead;
// by default that takes 45 s, in which a leader would lose its lease twice.
func quieten(log *slog.Logger) {
	klog.SetSlogLogger(slog.New(debugOnly{log.Handler()}))
	for name, value := range map[string]string{"HTTP2_READ_IDLE_TIMEOUT_SECONDS": "5", "HTTP2_PING_TIMEOUT_SECONDS": "3"} {
		if os.Getenv(name) == "" {
			_ = os.Setenv(name, value) // fails for names and values that are not these
		}
	}
}

// debugOnly makes every line a debug line.
type debugOnly struct{ slog.Handler }

func (h debugOnly) Enabled(ctx context.Context, _ slog.Level) bool {
	return h.Handler.Enabled(ctx, slog.LevelDebug)
}

func (h debugOnly) Handle(ctx context.Context, r slog.Record) error {
	r.Level = slog.LevelDebug
	return h.Handler.Handle(ctx, r)
}

func (h debugOnly) WithAttrs(a []slog.Attr) slog.Handler { return debugOnly{h.Handler.WithAttrs(a)} }

func (h debugOnly) WithGroup(name string) slog.Handler { return debugOnly{h.Handler.WithGroup(name)} }

// linger is how long the doors of a replica that stops stay open after it has given
// up the lease: Kubernetes takes about so long to send clients elsewhere.
const linger = 3 * time.Second

// run runs a replica until ctx ends.
func run(ctx context.Context, c config.Config, log *slog.Logger) error {
	k, err := kube.Connect(c.Kubeconfig, kube.Options{
		Namespace: c.Namespace, StatefulSet: c.StatefulSetName, Container: c.MemgraphContainer, Nodes: c.Replicas,
		HTTPPort: c.HTTPPort, Pod: c.PodName, Record: c.StateConfigMap, Lease: c.LeaseName,
		App: c.AppName, Version: programVersion(), Log: log,
	})
	if err != nil {
		return err
	}
	encryption, err := encrypt(c, log)
	if err != nil {
		return err
	}
	page, err := dashboard.Handler(dashboard.Options{Namespace: c.Namespace, ConfigMap: c.StateConfigMap})
	if err != nil {
		return err
	}
	doors, err := open(ctx, c)
	if err != nil {
		return err
	}
	defer doors.close()

	var replica *app.Replica
	counts := metrics.New(metrics.Options{
		Status:   func() app.Status { return replica.Status() }, // not called before it is served
		Topology: c.Topology(), Policy: c.Policy(), Log: log,
	})
	counts.CountRequests()
	pods := k.Pods(func() { replica.Kick() })                     // not called before pods.Run
	around, end := context.WithCancel(context.WithoutCancel(ctx)) // ends after the replica
	defer end()
	events := kube.NewEvents(around, pods)
	defer events.Close()
	gates, peers := kube.NewGates(pods), k.Peers()
	requests := kube.NewRequests(k, func(q cluster.Request) error { return replica.Request(q) }) // not called before replica.Run
	replica, err = app.New(app.Options{
		Identity: c.PodName, Version: programVersion(), Topology: c.Topology(), Credentials: c.Credentials(), Policy: c.Policy(),
		Records: k.Records(requests), Lock: k.Lock(events), Holder: k.LeaseHolder, Lease: c.Timing(), Platform: pods, Peers: peers,
		Gateway: doorsOf(c, doors, encryption, counts), ServerTLS: encryption.nodes, Linger: linger,
		Address: pods.Address, Tell: events.Tell, Answer: requests.Answer, Reached: fuse.reached, Log: log,
		Meter: counts,
		Publish: func(s controller.Snapshot) {
			gates.Publish(s)
			requests.Offer(s.Term)
		},
	})
	if err != nil {
		return err
	}
	doors.given()

	var wg sync.WaitGroup
	defer wg.Wait()
	defer end()
	wg.Go(func() { pods.Run(around) })
	wg.Go(func() { peers.Run(around) })
	wg.Go(func() { gates.Run(around) })
	wg.Go(func() { requests.Run(around) })
	wg.Go(func() { accuse(around, k, log) })
	wg.Go(func() { reconcile(around, replica, c.ReconcileInterval) })
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	wg.Go(func() {
		handler := fuse.handler(api.New(api.Options{
			Replica: replica, Topology: c.Topology(), Policy: c.Policy(), Metrics: counts.Handler(), Page: page,
			Namespace: c.Namespace, Lease: c.LeaseName, ReadGateway: c.ReadGateway, Log: log,
		}).Handler())
		if err := api.Serve(around, doors.http, handler, log); err != nil {
			stop(err)
		}
	})
	err = replica.Run(ctx)
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) {
		err = errors.Join(cause, err)
	}
	return err
}

// accuse tells what the Role lacks, once.
func accuse(ctx context.Context, k *kube.Cluster, log *slog.Logger) {
	missing, err := k.Missing(ctx)
	switch {
	case err != nil && ctx.Err() == nil:
		log.Debug("rights not checked", "err", err)
	case len(missing) > 0:
		for _, what := range missing {
			log.Error("right is missing", "right", what, "next", "grant it in the Role of this controller's service account; the chart's Role has all that is needed")
		}
	}
}

// reconcile has everything looked at anew from time to time.
func reconcile(ctx context.Context, r *app.Replica, every time.Duration) {
	t := time.NewTicker(every)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			r.Reconcile()
		}
	}
}

// listeners are the doors of this program.
type listeners struct {
	write, read, http net.Listener
	owned             bool // write and read belong to the replica
}

// open listens on all doors, or on none.
func open(ctx context.Context, c config.Config) (*listeners, error) {
	l := &listeners{}
	for _, door := range []struct {
		at   *net.Listener
		what string
		addr string
	}{
		{&l.write, "the gateway", c.GatewayAddress},
		{&l.read, "the read-only gateway", c.ReadGatewayAddress},
		{&l.http, "the status API", c.HTTPAddress()},
	} {
		if door.at == &l.read && !c.ReadGateway {
			continue
		}
		var err error
		if *door.at, err = gateway.Listen(ctx, door.addr); err != nil {
			l.close()
			return nil, fmt.Errorf("open %s: %w", door.what, err)
		}
	}
	return l, nil
}

// given says that the gateways' doors belong to the replica from now on.
func (l *listeners) given() { l.owned = true }

// close closes the doors that are still this program's.
func (l *listeners) close() {
	for _, door := range []net.Listener{l.write, l.read} {
		if door != nil && !l.owned {
			_ = door.Close()
		}
	}
	if l.http != nil {
		_ = l.http.Close() // closed already if it was served
	}
}
