package lab

import (
	"net/netip"
	"testing"
)

func TestNodeNumber(t *testing.T) {
	for name, want := range map[string]int{
		"n1": 1, "n9": 9, "n0": 0, "n10": 0, "n01": 0, "n+1": 0, "n-1": 0, "n": 0, "1": 0, "": 0, "nn1": 0, "N1": 0,
		controlPlane: 0, client: 0, fabric: 0,
	} {
		if got := host(name).nodeNumber(); got != want {
			t.Errorf("host %q is node %d, want %d", name, got, want)
		}
	}
}

func TestHosts(t *testing.T) {
	if got := join(hosts(2)); got != "controlplane, client, n1, n2" {
		t.Errorf("hosts of a lab with two nodes: %s", got)
	}
}

// TestLayout checks that no two machines share an address, and that what they
// are called fits where the kernel wants it.
func TestLayout(t *testing.T) {
	machines := netip.MustParsePrefix(machineNet + "0/24")
	taken := map[string]string{fabricIP: fabric, dnsServerIP: clusterDNS}
	for _, h := range hosts(MaxNodes) {
		for _, mine := range []string{h.ip(), h.mac(), h.link(), h.namespace(), h.podSubnet()} {
			if other := taken[mine]; mine != "" && other != "" {
				t.Errorf("%s and %s share %s", h, other, mine)
			}
			taken[mine] = string(h)
		}
		if !machines.Contains(netip.MustParseAddr(h.ip())) {
			t.Errorf("%s has the address %s outside of %s", h, h.ip(), machines)
		}
		if n := len(h.link()); n > 15 {
			t.Errorf("interface %s of %s has %d bytes, the kernel takes 15", h.link(), h, n)
		}
		for _, socket := range []string{h.control(), h.containerd() + ".ttrpc"} {
			if n := len(socket); n > 107 {
				t.Errorf("socket %s has %d bytes, the kernel takes 107", socket, n)
			}
		}
	}
}

func TestPodSubnets(t *testing.T) {
	pods := netip.MustParsePrefix(podRange)
	for _, h := range hosts(MaxNodes) {
		if h.nodeNumber() == 0 {
			if h.podSubnet() != "" || h.cgroup() != "" {
				t.Errorf("%s is no node, and has pods in %q and the cgroup %q", h, h.podSubnet(), h.cgroup())
			}
			continue
		}
		if subnet := netip.MustParsePrefix(h.podSubnet()); !pods.Contains(subnet.Addr()) || subnet.Bits() != 24 {
			t.Errorf("pods of %s are in %s, which is no /24 of %s", h, subnet, pods)
		}
	}
}
