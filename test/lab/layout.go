package lab

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
)

const (
	// diskDir is what survives the loss of power: etcd, images, volumes, logs.
	diskDir = "/var/lib/mglab"
	// runDir is what does not: sockets and process ids. Unix socket paths
	// have at most 107 bytes, so it is short.
	runDir = "/run/mglab"
	// cgroupTop is the cgroup that holds one cgroup a node.
	cgroupTop = "mglab"
	// namespacePrefix begins the names of the network namespaces.
	namespacePrefix = "mglab-"
	// netnsDir is where ip(8) keeps network namespaces.
	netnsDir = "/run/netns"
	// fabric is the namespace of the bridge that joins the machines.
	fabric = "fabric"

	controlPlane = "controlplane"
	client       = "client"
	// clusterDNS is the target for cuts that stands for the DNS server.
	clusterDNS = "dns"

	machineNet   = "10.201.0."
	controlIP    = machineNet + "1"
	clientIP     = machineNet + "2"
	dnsServerIP  = machineNet + "3"
	fabricIP     = machineNet + "254"
	podNet       = "10.244."
	podRange     = "10.244.0.0/16"
	serviceRange = "10.96.0.0/16"
	serviceAPIIP = "10.96.0.1"
	serviceDNSIP = "10.96.0.10"
	domain       = "cluster.local"
	apiPort      = "6443"
	apiURL       = "https://" + controlIP + ":" + apiPort

	// MaxNodes is how many worker nodes there can be.
	MaxNodes = 9
)

// host is one machine of the lab, by name.
type host string

// nodeName is the name of worker n, counted from 1.
func nodeName(n int) string { return "n" + strconv.Itoa(n) }

// nodeNumber returns 0 for what is not a worker.
func (h host) nodeNumber() int {
	n, err := strconv.Atoi(strings.TrimPrefix(string(h), "n"))
	if err != nil || n < 1 || n > MaxNodes || nodeName(n) != string(h) {
		return 0
	}
	return n
}

// ip is the first address of the machine.
func (h host) ip() string {
	switch h {
	case controlPlane:
		return controlIP
	case client:
		return clientIP
	}
	return machineNet + strconv.Itoa(10+h.nodeNumber())
}

// mac is fixed, so that the others' neighbour tables hold for ever: packets to
// a machine without power then vanish, as they do in a routed network, and no
// error comes back.
func (h host) mac() string {
	return fmt.Sprintf("02:6d:67:00:00:%02x", lastByte(h.ip()))
}

func lastByte(ip string) int {
	n, _ := strconv.Atoi(ip[strings.LastIndexByte(ip, '.')+1:])
	return n
}

// podSubnet is the range of the node's pods; empty for other machines.
func (h host) podSubnet() string {
	if n := h.nodeNumber(); n > 0 {
		return podNet + strconv.Itoa(n) + ".0/24"
	}
	return ""
}

func (h host) namespace() string     { return namespacePrefix + string(h) }
func (h host) namespacePath() string { return filepath.Join(netnsDir, h.namespace()) }
func (h host) link() string          { return "v-" + short(h) }
func (h host) disk() string          { return filepath.Join(diskDir, string(h)) }
func (h host) run() string           { return filepath.Join(runDir, string(h)) }
func (h host) logs() string          { return filepath.Join(diskDir, "logs", string(h)) }
func (h host) spec() string          { return filepath.Join(h.run(), "machine.json") }
func (h host) control() string       { return filepath.Join(h.run(), "control.sock") }
func (h host) pidFile() string       { return filepath.Join(h.run(), "pid") }
func (h host) containerd() string    { return filepath.Join(h.run(), "containerd.sock") }

// containerdState is in memory, and seen from inside the machine alone.
func (h host) containerdState() string { return filepath.Join(h.run(), "containerd") }

// short keeps an interface's name within 15 bytes.
func short(h host) string {
	if h == controlPlane {
		return "cp"
	}
	return string(h)
}

// hosts are all machines of a lab with that many workers.
func hosts(nodes int) []host {
	all := []host{controlPlane, client}
	for n := 1; n <= nodes; n++ {
		all = append(all, host(nodeName(n)))
	}
	return all
}

func kubeconfigPath(identity string) string {
	return filepath.Join(diskDir, "kubeconfig", identity)
}

var (
	statePath  = filepath.Join(runDir, "lab.json")
	cutsPath   = filepath.Join(runDir, "cuts.json")
	lockPath   = "/run/mglab.lock"
	binaryPath = filepath.Join(runDir, "lab")
	resolvPath = filepath.Join(runDir, "resolv.conf")
	auditPath  = filepath.Join(host(controlPlane).logs(), "audit.log")
	volumesDir = filepath.Join(diskDir, "volumes")
)
