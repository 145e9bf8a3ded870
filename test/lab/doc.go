// Package lab is a real Kubernetes cluster of several nodes on one Linux
// machine, and the hand that breaks it.
//
// Each machine of the cluster (the control plane, the worker nodes, and one
// that stands for everything outside: clients and cluster DNS) is a set of
// namespaces with real components in it: etcd, kube-apiserver, containerd,
// kubelet, kube-proxy. Nothing is simulated but the hardware. The machines'
// network has no way out, and no port of the host is used.
//
// [Up] and [Down] make and remove the cluster; [Attach] gives a test the
// running one. Its faults are what happens to real clusters: a node loses
// power, a process is killed, a pod freezes, packets go missing in one
// direction or both, the API server or etcd is away. They act on processes and
// packets directly and need no API server.
//
// It needs root, Linux with the features that [Up] checks, Debian's packages,
// and the Go module proxy the first time. One lab runs on a machine at a time.
// It is for tests: everything in it trusts everything else, nothing is synced
// to disk, and DNS runs outside the nodes, as with a control plane that
// schedules its own DNS; a node's death takes no DNS server with it.
package lab
