//go:build linux

package cases

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"memgraph-controller/test/contract/judge"
	"memgraph-controller/test/contract/server"
)

var nameCases = []judge.Case{
	{ID: "20d", Title: "a replica that comes back with another address behind the same name is found again", Long: 15 * time.Second, Run: movedReplica},
}

// movedReplica registers b by a name that only a's own hosts file knows, then
// lets that name point to another loopback address.
func movedReplica(t *judge.T) {
	n := t.Cluster("a", "b")
	a, b := n[0], n[1]
	a.Hosts = filepath.Join(a.Dir, "hosts")
	pointTo := func(ip string) {
		t.Check(os.WriteFile(a.Hosts, []byte("127.0.0.1 localhost\n"+ip+" memgraph-b\n"), 0o644))
		t.Note("memgraph-b is %s", ip)
	}
	pointTo("127.0.0.1")
	t.Check(a.Launch())
	if err := a.AwaitBolt(t.Context(), 40*time.Second); err != nil {
		if strings.Contains(err.Error(), server.ErrNoHosts.Error()) {
			t.Skip(err.Error())
		}
		t.Check(err)
	}
	start(t, b)
	demote(t, b)
	t.Must(a, fmt.Sprintf(`REGISTER REPLICA b SYNC TO "memgraph-b:%d"`, b.Repl))
	t.Must(a, put(1))
	t.Replicas(a, "b sync ready behind=0 ts=2")
	if got := t.ShowReplicas(a)[0].Address; got != fmt.Sprintf("memgraph-b:%d", b.Repl) {
		t.Errorf("socket_address", fmt.Sprintf("memgraph-b:%d, unresolved", b.Repl), got)
	}

	kill(t, b)
	pointTo("127.0.0.2")
	t.Pause(6 * time.Second) // some resolvers remember a hosts file for five seconds
	start(t, b)
	t.ReplicasWithin(a, 15*time.Second, "b sync ready behind=0")
	t.OK(a, put(2))
	holds(t, b, 1, 2)
	if !connected(t, a, fmt.Sprintf("0200007F:%04X", b.Repl)) {
		t.Errorf("connections of a", "one to 127.0.0.2, the new address", "none")
	}
}

// connected reports whether the process has an established IPv4 connection to
// the address, written as /proc/net/tcp does.
func connected(t *judge.T, n *server.Node, remote string) bool {
	table, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/tcp", n.Pid()))
	t.Check(err)
	for line := range strings.Lines(string(table)) {
		if f := strings.Fields(line); len(f) > 3 && f[2] == remote && f[3] == "01" {
			return true
		}
	}
	return false
}
