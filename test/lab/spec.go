package lab

import (
	"embed"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/template"

	"memgraph-controller/test/lab/machine"
)

//go:embed files
var files embed.FS

// render fills in one of the files; what they may use is in fileData.
func (s state) render(h host, name string) (string, error) {
	t, err := template.ParseFS(files, "files/"+name)
	if err != nil {
		return "", fmt.Errorf("read %s: %w", name, err)
	}
	var b strings.Builder
	if err := t.Execute(&b, s.fileData(h)); err != nil {
		return "", fmt.Errorf("fill in %s: %w", name, err)
	}
	return b.String(), nil
}

func (s state) fileData(h host) map[string]string {
	return map[string]string{
		"Name": string(h), "IP": h.ip(), "PodSubnet": h.podSubnet(), "PodRange": podRange,
		"Disk": h.disk(), "Run": h.run(), "Socket": h.containerd(), "State": h.containerdState(), "Cgroup": h.cgroup(),
		"Domain": domain, "DNSServer": dnsServerIP, "DNS": serviceDNSIP,
		"ProxyKubeconfig": kubeconfigPath("kube-proxy"), "DNSKubeconfig": kubeconfigPath("coredns"),
		"ProxyNode": s.proxyNode(h), "Pods": filepath.Join(h.disk(), "pod-logs"),
	}
}

// proxyNode is the node that kube-proxy takes itself for. Machines that are no
// node name one that exists: that spares a long wait for a node of their own,
// and decides nothing but which endpoints are near.
func (s state) proxyNode(h host) string {
	if h.nodeNumber() == 0 {
		return nodeName(1)
	}
	return string(h)
}

// cgroup is the machine's root in every hierarchy; only workers have one.
func (h host) cgroup() string {
	if h.nodeNumber() == 0 {
		return ""
	}
	return filepath.Join(cgroupTop, string(h))
}

// configuration names the files of a machine by what they are rendered from.
func (h host) configuration() map[string]string {
	switch h {
	case controlPlane:
		return map[string]string{
			"audit.yaml":      filepath.Join(h.disk(), "audit.yaml"),
			"kube-proxy.yaml": filepath.Join(h.disk(), "kube-proxy.yaml"),
		}
	case client:
		return map[string]string{
			"Corefile":        filepath.Join(h.disk(), "Corefile"),
			"kube-proxy.yaml": filepath.Join(h.disk(), "kube-proxy.yaml"),
			"resolv.conf":     resolvPath,
		}
	}
	return map[string]string{
		"containerd.toml": filepath.Join(h.disk(), "containerd.toml"),
		"kubelet.yaml":    filepath.Join(h.disk(), "kubelet.yaml"),
		"kube-proxy.yaml": filepath.Join(h.disk(), "kube-proxy.yaml"),
		"pod-resolv.conf": filepath.Join(h.disk(), "resolv.conf"),
		"cni.conflist":    filepath.Join(h.disk(), "cni", "10-lab.conflist"),
	}
}

// binds are what a node alone sees at the paths that its programs have built in.
func (h host) binds() []machine.Bind {
	if h.nodeNumber() == 0 {
		return nil
	}
	var out []machine.Bind
	for _, path := range builtInPaths {
		out = append(out, machine.Bind{From: filepath.Join(h.disk(), "root", path), To: path})
	}
	return out
}

// builtInPaths cannot be set: the cache of CNI results, the kubelet's links to
// logs, its socket for device plugins and its certificate.
var builtInPaths = []string{"/var/lib/cni", "/var/log/containers", "/var/lib/kubelet"}

// builtInState is the same for what ends with the machine: sockets of
// containerd's shims, runc's state, and the notes of mount(8).
var builtInState = []string{"/run/containerd", "/run/mount"}

func (h host) tmpfs() []string {
	if h.nodeNumber() == 0 {
		return nil
	}
	return append([]string{h.containerdState(), h.addresses()}, builtInState...)
}

// addresses is where the node's pods get their addresses from: all are free
// again when the node lost power.
func (h host) addresses() string { return filepath.Join(h.run(), "addresses") }

// prepare writes all files of a machine.
func (s state) prepare(h host) error {
	dirs := append([]string{h.disk(), h.run(), h.logs(), volumesDir, filepath.Join(h.disk(), "cni")}, h.tmpfs()...)
	for _, b := range h.binds() {
		dirs = append(dirs, b.From, b.To)
	}
	for _, dir := range dirs {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("prepare %s: %w", h, err)
		}
	}
	for name, path := range h.configuration() {
		content, err := s.render(h, name)
		if err != nil {
			return err
		}
		if err := writeFile(path, []byte(content), 0o644); err != nil {
			return err
		}
	}
	return s.machine(h).Write(h.spec())
}

// machine is the description that process 1 of the machine runs by.
func (s state) machine(h host) machine.Spec {
	spec := machine.Spec{
		Name: string(h), Control: h.control(), Cgroup: h.cgroup(), Binds: h.binds(), Tmpfs: h.tmpfs(),
		Components: s.components(h),
	}
	if h.nodeNumber() > 0 {
		spec.Sysctls = []machine.Sysctl{
			{Name: "net/ipv4/ip_forward", Value: "1"},
			{Name: "net/ipv4/conf/all/rp_filter", Value: "0"},
			{Name: "net/ipv4/conf/default/rp_filter", Value: "0"},
		}
	}
	return spec
}
