//go:build linux

package cases

import (
	"fmt"
	"time"

	"memgraph-controller/test/contract/judge"
	"memgraph-controller/test/contract/server"
)

var freshCases = []judge.Case{
	{ID: "1", Title: "a fresh instance is MAIN with an identity of its own; role, registrations and obedience survive a restart, not a wipe", Run: freshInstance},
	{ID: "2", Title: "SHOW REPLICAS tells name, address, mode, null, {ts, behind, status}; timestamps run 2, 4, 7", Notes: []int{15}, Run: showReplicas},
	{ID: "3", Title: "SET REPLICATION ROLE is not idempotent; its refusals come on PULL, its semantic errors on RUN", Brief: true, Run: setRole},
	{ID: "3b", Title: "replication statements that make no sense are refused on RUN", Run: badStatements},
}

func freshInstance(t *judge.T) {
	n := up(t, "a", "b")
	a, b := n[0], n[1]
	t.Role(a, "main")
	t.Replicas(a)
	ua, ub := uuid(t, a), uuid(t, b)
	if ua == ub {
		t.Errorf("database_uuid of two fresh instances", "different", ua)
	}
	t.Value(a, "MATCH (n) RETURN count(n)", "0")

	demote(t, b)
	register(t, a, b, "SYNC")
	t.Must(a, put(1))
	restart(t, b)
	restart(t, a)
	t.Role(a, "main")
	t.Role(b, "replica")
	t.ReplicasWithin(a, 10*time.Second, "b sync ready behind=0")
	t.OK(a, put(2)) // b still obeys a: the main_uuid survived on both
	holds(t, b, 1, 2)
	if got := uuid(t, a); got != ua {
		t.Errorf("database_uuid of a after a restart", ua, got)
	}

	adopted := uuid(t, b)
	forget(t, b)
	t.Role(b, "main")
	holds(t, b)
	if got := uuid(t, b); got == adopted {
		t.Errorf("database_uuid of b after a wipe", "a new one", got)
	}
	forget(t, a)
	t.Role(a, "main")
	t.Replicas(a)
	if got := uuid(t, a); got == ua {
		t.Errorf("database_uuid of a after a wipe", "a new one", got)
	}
}

// forget kills a node, wipes its data and starts it again.
func forget(t *judge.T, n *server.Node) time.Duration {
	kill(t, n)
	t.Check(n.Wipe())
	t.Note("%s wiped", n.Name)
	return start(t, n)
}

func showReplicas(t *judge.T) {
	n := up(t, "a", "b", "c")
	a, b, c := n[0], n[1], n[2]
	demote(t, b, c)
	t.Replicas(a)
	register(t, a, b, "SYNC")
	register(t, a, c, "ASYNC")
	t.Must(a, fmt.Sprintf("REGISTER REPLICA again STRICT_SYNC TO \"localhost:%d\"", c.Repl))
	t.Replicas(a, "b sync ready", "c async ready", "again strict_sync ready")
	for i, r := range t.ShowReplicas(a) {
		want := []string{b.ReplAddr(), c.ReplAddr(), fmt.Sprintf("localhost:%d", c.Repl)}[i]
		if r.Address != want {
			t.Errorf("socket_address of "+r.Name, want, r.Address)
		}
	}
	t.Must(a, "DROP REPLICA again")

	t.Must(a, put(1))
	t.Replicas(a, "b sync ready behind=0 ts=2", "c async ready|replicating")
	t.Must(a, put(2))
	t.ReplicasWithin(a, 5*time.Second, "b sync ready behind=0 ts=4", "c async ready behind=0 ts=4")
	t.Must(a, "MATCH (n) RETURN count(n)") // a read takes a timestamp too
	t.Must(a, put(3))
	t.ReplicasWithin(a, 5*time.Second, "b sync ready behind=0 ts=7", "c async ready behind=0 ts=7")

	kill(t, b)
	t.Refused(a, put(4), anySyncFailure(t.Version))
	t.ReplicasWithin(a, 5*time.Second, "b sync invalid behind=-2 ts=7", "c async ready behind=0 ts=9")
}

func setRole(t *judge.T) {
	n := up(t, "a")[0]
	t.Refused(n, "SET REPLICATION ROLE TO MAIN", judge.OnPull(cannotMain))
	t.Refused(n, "SET REPLICATION ROLE TO REPLICA", judge.OnRun("Replica must set a port!"))
	t.Refused(n, "SET REPLICATION ROLE TO MAIN WITH PORT 10000", judge.OnRun("Main can't set a port!"))
	t.Refused(n, "SET REPLICATION ROLE TO REPLICA WITH PORT 99999", judge.OnPull("Port number invalid!"))
	t.Role(n, "main")
	t.Announced(n, setReplica(n), "SetReplica", "Replica role set to REPLICA.")
	t.Role(n, "replica")
	t.Refused(n, setReplica(n), judge.OnPull(cannotRepl))
	t.Refused(n, fmt.Sprintf("SET REPLICATION ROLE TO REPLICA WITH PORT %d", n.Repl+1), judge.OnPull(cannotRepl))
	t.Role(n, "replica")
	t.Announced(n, "SET REPLICATION ROLE TO MAIN", "SetReplica", "Replica role set to MAIN.")
	t.Role(n, "main")
}

func badStatements(t *judge.T) {
	n := up(t, "a")[0]
	t.Refused(n, "SET REPLICATION ROLE TO REPLICA WITH PORT -1", judge.Refusal{
		At: "run", Code: judge.ClientError, Prefix: "Error on line 1 position 43. The underlying parsing error is",
	})
	t.Refused(n, "REGISTER REPLICA x SYNC TO 42", judge.OnRun("Socket address should be a string literal!"))
	noCoordinator := judge.OnRun("Coordinator was not initialized as coordinator port, coordinator id or management port were not set.")
	t.Refused(n, "SHOW REPLICATION LAG", noCoordinator)
	t.Refused(n, "SHOW INSTANCES", noCoordinator)

	bad := judge.Refusal{At: "pull"}
	if t.Version.Is(3, 6, 2) {
		bad = judge.Refusal{At: "pull", Code: judge.TransientError, Text: "Couldn't parse string"}
	}
	t.Refused(n, `REGISTER REPLICA bad SYNC TO "127.0.0.1:notaport"`, bad)
	t.Replicas(n)
}
