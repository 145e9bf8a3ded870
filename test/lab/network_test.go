package lab

import (
	"slices"
	"strings"
	"testing"
)

func TestLinks(t *testing.T) {
	for h, lines := range map[host][]string{
		"n2": {
			"addr add 10.201.0.12/24 dev eth0",
			"route add blackhole 10.244.2.0/24",
			"route add 10.244.1.0/24 via 10.201.0.11",
			"route add 10.244.9.0/24 via 10.201.0.19",
			"neigh replace 10.201.0.3 lladdr 02:6d:67:00:00:02 dev eth0 nud permanent",
		},
		client: {
			"addr add 10.201.0.2/24 dev eth0",
			"addr add 10.201.0.3/24 dev eth0",
			"route add 10.244.2.0/24 via 10.201.0.12",
			"neigh replace 10.201.0.1 lladdr 02:6d:67:00:00:01 dev eth0 nud permanent",
		},
	} {
		batch := strings.Split(h.links(), "\n")
		for _, line := range lines {
			if !slices.Contains(batch, line) {
				t.Errorf("the links of %s lack %q:\n%s", h, line, strings.Join(batch, "\n"))
			}
		}
		if own := "route add " + h.podSubnet() + " via"; h.podSubnet() != "" && strings.Contains(h.links(), own) {
			t.Errorf("%s sends packets for its own pods away:\n%s", h, h.links())
		}
	}
}
