package kube

import (
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// requestTimeout bounds one request that is not a watch. An API server that
// hangs must not cost a lease its whole renew deadline.
const requestTimeout = 4 * time.Second

// Options say where a cluster lives. All fields are required.
type Options struct {
	Namespace   string
	StatefulSet string
	Container   string // which container of its pods is Memgraph
	Nodes       int    // how many pods
	HTTPPort    int    // of the other controllers
	Pod         string // this controller's own
	Record      string // name of the ConfigMap
	Lease       string // name of the Lease
	App         string // source of Events
	Version     string // of this program
	Log         *slog.Logger
}

// Cluster is one cluster on Kubernetes.
type Cluster struct {
	Options
	api     kubernetes.Interface // record, pods and conditions: hardly throttled
	lease   kubernetes.Interface // the lease: every request bounded
	chatter kubernetes.Interface // Events: throttled, every request bounded
	outage  outage
	uid     atomic.Pointer[string] // of the record's ConfigMap as last seen; nil: not yet
}

// Connect reads the configuration of the API server from a kubeconfig file, or
// from the pod's own service account if the path is empty. It sends nothing.
func Connect(kubeconfig string, o Options) (*Cluster, error) {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("read how to reach the API server: %w; outside of a pod give --kubeconfig", err)
	}
	config.UserAgent = "memgraph-controller/" + o.Version
	return connect(config, o)
}

// dialTimeout bounds one try to connect. Where packets are dropped the kernel tries
// again after 1, 3 and 7 s only; a new try begins at once.
const dialTimeout = 3 * time.Second

// connect returns a cluster whose clients share one connection.
func connect(config *rest.Config, o Options) (*Cluster, error) {
	if config.Dial == nil {
		config.Dial = (&net.Dialer{Timeout: dialTimeout, KeepAlive: 5 * time.Second}).DialContext
	}
	shared, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, fmt.Errorf("make a client of the API server %s: %w", config.Host, err)
	}
	c := &Cluster{Options: o}
	for _, x := range []struct {
		client  *kubernetes.Interface
		qps     float32
		burst   int
		timeout time.Duration // 0: each request says its own
	}{{&c.api, 50, 100, 0}, {&c.lease, 50, 100, requestTimeout}, {&c.chatter, 2, 20, requestTimeout}} {
		own := rest.CopyConfig(config)
		own.QPS, own.Burst = x.qps, x.burst
		client, err := kubernetes.NewForConfigAndClient(own, &http.Client{Transport: shared.Transport, Timeout: x.timeout})
		if err != nil {
			return nil, fmt.Errorf("make a client of the API server %s: %w", config.Host, err)
		}
		*x.client = client
	}
	return c, nil
}

// New returns a cluster on a client that exists already.
func New(client kubernetes.Interface, o Options) *Cluster {
	return &Cluster{Options: o, api: client, lease: client, chatter: client}
}
