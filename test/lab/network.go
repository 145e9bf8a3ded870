package lab

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// makeFabric makes the bridge that joins the machines, in a namespace that has
// no other way out.
func makeFabric(ctx context.Context) error {
	f := host(fabric)
	if exists(f.namespacePath()) {
		return nil
	}
	if _, err := run(ctx, "", "ip", "netns", "add", f.namespace()); err != nil {
		return err
	}
	_, err := run(ctx, strings.Join([]string{
		"link set lo up",
		"link add fabric0 type bridge",
		"addr add " + fabricIP + "/24 dev fabric0",
		"link set fabric0 up",
		"",
	}, "\n"), "ip", "-n", f.namespace(), "-batch", "-")
	return err
}

// connect gives the machine its network namespace and plugs its cable in. A namespace
// without a cable is what somebody left who was killed in between.
func (h host) connect(ctx context.Context) error {
	if exists(h.namespacePath()) {
		if _, err := run(ctx, "", "ip", "-n", h.namespace(), "link", "show", "eth0"); err == nil {
			return nil
		}
		if err := h.disconnect(ctx); err != nil {
			return err
		}
	}
	if _, err := run(ctx, "", "ip", "netns", "add", h.namespace()); err != nil {
		return err
	}
	fabricNS := host(fabric).namespace()
	// The far end of the cable outlives a namespace for a moment.
	_, _ = run(ctx, "", "ip", "-n", fabricNS, "link", "del", h.link())
	if _, err := run(ctx, h.links(), "ip", "-n", h.namespace(), "-batch", "-"); err != nil {
		return err
	}
	_, err := run(ctx, "", "ip", "-n", fabricNS, "link", "set", h.link(), "master", "fabric0", "up")
	return err
}

// links is the batch for ip(8) that sets up the inside of a namespace.
func (h host) links() string {
	lines := []string{
		"link set lo up",
		fmt.Sprintf("link add eth0 address %s type veth peer name %s netns %s", h.mac(), h.link(), host(fabric).namespace()),
		fmt.Sprintf("addr add %s/24 dev eth0", h.ip()),
	}
	if h == client {
		lines = append(lines, "addr add "+dnsServerIP+"/24 dev eth0")
	}
	lines = append(lines, "link set eth0 up", "route add default via "+fabricIP)
	if subnet := h.podSubnet(); subnet != "" {
		// What is for a pod that is gone, or not there yet, ends here. By the
		// default route it would go back into the fabric, and an ICMP redirect
		// would teach the sender to look for the pod there.
		lines = append(lines, "route add blackhole "+subnet)
	}
	for _, other := range hosts(MaxNodes) {
		if other == h {
			continue
		}
		lines = append(lines, fmt.Sprintf("neigh replace %s lladdr %s dev eth0 nud permanent", other.ip(), other.mac()))
		if other == client {
			lines = append(lines, fmt.Sprintf("neigh replace %s lladdr %s dev eth0 nud permanent", dnsServerIP, other.mac()))
		}
		if subnet := other.podSubnet(); subnet != "" {
			lines = append(lines, fmt.Sprintf("route add %s via %s", subnet, other.ip()))
		}
	}
	return strings.Join(lines, "\n") + "\n"
}

// unplug pulls the machine's cable: from here on nobody hears of it.
func (h host) unplug(ctx context.Context) error {
	_, err := run(ctx, "", "ip", "-n", host(fabric).namespace(), "link", "set", h.link(), "down")
	return err
}

// disconnect removes the namespace of a machine that is off, and all that was in it.
func (h host) disconnect(ctx context.Context) error {
	if !exists(h.namespacePath()) {
		return nil
	}
	_, err := run(ctx, "", "ip", "netns", "del", h.namespace())
	return err
}

// namespaces lists the network namespaces of a lab, running or left over.
func namespaces() ([]host, error) {
	entries, err := os.ReadDir(netnsDir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list network namespaces: %w", err)
	}
	var found []host
	for _, entry := range entries {
		if name, ok := strings.CutPrefix(entry.Name(), namespacePrefix); ok {
			found = append(found, host(name))
		}
	}
	return found, nil
}

func exists(path string) bool {
	_, err := os.Lstat(filepath.Clean(path))
	return err == nil
}
