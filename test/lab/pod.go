package lab

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// container is one that containerd knows, as it wrote it down for runc.
type container struct {
	Node      host
	Namespace string
	Pod       string
	UID       string
	Name      string // empty for the sandbox
	ID        string
	Cgroup    string // relative to the top of a hierarchy
}

// runcConfig is the part of a container's config.json that says whose it is.
type runcConfig struct {
	Annotations map[string]string `json:"annotations"`
	Linux       struct {
		CgroupsPath string `json:"cgroupsPath"`
	} `json:"linux"`
}

func parseContainer(h host, id string, config []byte) (container, error) {
	var c runcConfig
	if err := json.Unmarshal(config, &c); err != nil {
		return container{}, fmt.Errorf("read container %s: %w", id, err)
	}
	const prefix = "io.kubernetes.cri."
	a := c.Annotations
	out := container{
		Node: h, ID: id, Cgroup: c.Linux.CgroupsPath,
		Namespace: a[prefix+"sandbox-namespace"], Pod: a[prefix+"sandbox-name"], UID: a[prefix+"sandbox-uid"],
		Name: a[prefix+"container-name"],
	}
	if out.Namespace == "" || out.Pod == "" || out.Cgroup == "" || !filepath.IsAbs(out.Cgroup) {
		return container{}, fmt.Errorf("read container %s: it tells no pod or no cgroup", id)
	}
	return out, nil
}

// containersOf reads what runs on a node from its own disk: some milliseconds,
// and no API server.
func containersOf(h host) ([]container, error) {
	pid := h.pid()
	if pid == 0 {
		return nil, nil
	}
	tasks := filepath.Join(fmt.Sprintf("/proc/%d/root", pid), h.containerdState(), "io.containerd.runtime.v2.task", "k8s.io")
	entries, err := os.ReadDir(tasks)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list containers of %s: %w", h, err)
	}
	var out []container
	for _, entry := range entries {
		config, err := os.ReadFile(filepath.Join(tasks, entry.Name(), "config.json"))
		if errors.Is(err, fs.ErrNotExist) {
			continue // it is being made, or was just removed
		}
		if err != nil {
			return nil, fmt.Errorf("list containers of %s: %w", h, err)
		}
		c, err := parseContainer(h, entry.Name(), config)
		if err != nil {
			continue // half written: no container yet
		}
		out = append(out, c)
	}
	return out, nil
}

// pod is what runs of a pod, on the node that runs it.
type pod struct {
	Node       host
	UID        string
	Cgroup     string
	sandbox    int // a process in the pod's network namespace, 0: none runs
	containers []container
}

// findPod looks on every node that is on. The pod must run. Of two with the
// name, one that is going and its successor, it takes the one with containers.
func (s state) findPod(namespace, name string) (pod, error) {
	var near []string
	byUID := map[string]*pod{}
	var best *pod
	for _, h := range hosts(s.Nodes) {
		containers, err := containersOf(h)
		if err != nil {
			return pod{}, err
		}
		for _, c := range containers {
			if c.Namespace != namespace {
				continue
			}
			if c.Pod != name {
				near = append(near, c.Pod)
				continue
			}
			pids, err := processes(cgroupMount, c.Cgroup)
			if err != nil {
				return pod{}, err
			}
			if len(pids) == 0 {
				continue // an earlier container, or one that has just died
			}
			p := byUID[c.UID]
			if p == nil {
				p = &pod{Node: h, UID: c.UID, Cgroup: filepath.Dir(c.Cgroup)}
				byUID[c.UID] = p
			}
			if c.Name == "" {
				p.sandbox = pids[0]
			} else {
				p.containers = append(p.containers, c)
			}
			if best == nil || len(p.containers) > len(best.containers) {
				best = p
			}
		}
	}
	if best == nil {
		return pod{}, s.noPod(namespace, name, near)
	}
	return *best, nil
}

func (s state) noPod(namespace, name string, near []string) error {
	var off []string
	for _, h := range hosts(s.Nodes) {
		if h.pid() == 0 {
			off = append(off, string(h))
		}
	}
	hint := "nothing runs in that namespace: see \"lab kubectl get pods -A -o wide\""
	if len(near) > 0 {
		slices.Sort(near)
		hint = "in that namespace run " + strings.Join(slices.Compact(near), ", ")
	}
	if len(off) > 0 {
		hint += "; without power: " + strings.Join(off, ", ")
	}
	return noName("no pod %s/%s runs on any node: %s", namespace, name, hint)
}

// container picks one by name; without a name there must be only one.
func (p pod) container(name string) (container, error) {
	var names []string
	for _, c := range p.containers {
		if c.Name == name || name == "" && len(p.containers) == 1 {
			return c, nil
		}
		names = append(names, c.Name)
	}
	if len(names) == 0 {
		return container{}, errors.New("no container of the pod runs right now")
	}
	if name == "" {
		return container{}, noName("the pod has several containers: name one of %s", strings.Join(names, ", "))
	}
	return container{}, noName("no container %q runs in the pod: name one of %s", name, strings.Join(names, ", "))
}

// address is the pod's own IPv4 address, read from its network namespace; a
// pod in the host's network has none.
func (p pod) address() (string, error) {
	if p.sandbox == 0 {
		return "", errors.New("the pod's sandbox does not run")
	}
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/fib_trie", p.sandbox))
	if err != nil {
		return "", fmt.Errorf("read the pod's address: %w", err)
	}
	return parseAddress(string(b), p.Node.podSubnet())
}

// parseAddress finds the local address within the subnet in the kernel's
// printed routing table.
func parseAddress(trie, subnet string) (string, error) {
	prefix, err := netip.ParsePrefix(subnet)
	if err != nil {
		return "", fmt.Errorf("read the pod's address: %w", err)
	}
	last := ""
	for line := range strings.Lines(trie) {
		line = strings.TrimSpace(line)
		if text, ok := strings.CutPrefix(line, "|-- "); ok {
			last = text
		}
		if !strings.HasPrefix(line, "/32 host LOCAL") {
			continue
		}
		if ip, err := netip.ParseAddr(last); err == nil && prefix.Contains(ip) {
			return last, nil
		}
	}
	return "", errors.New("the pod has no address of its own: pods in the node's network are cut with the node")
}
