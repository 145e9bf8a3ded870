//go:build linux

package cases

import (
	"slices"
	"time"

	"memgraph-controller/test/contract/client"
	"memgraph-controller/test/contract/judge"
)

var roleCases = []judge.Case{
	{ID: "4", Title: "replication queries inside BEGIN are refused on RUN", Brief: true, Run: insideTransaction},
	{ID: "8", Title: "demotion erases registrations, ends open write transactions at COMMIT, refuses writes on RUN, still reads", Notes: []int{13}, Run: demotion},
	{ID: "8b", Title: "a demoted MAIN obeys nobody until it is registered", Run: obeysNobody},
	{ID: "8c", Title: "a read-only transaction stays open across a promotion", Run: readAcrossPromotion},
	{ID: "9", Title: "promotion closes the replication port, starts with no replicas and takes writes at once", Notes: []int{4, 15}, Run: promotion},
	{ID: "22", Title: "an old MAIN restarts as MAIN, its replica invalid, and does not steal replicas back", Run: oldMainRestarts},
	{ID: "27", Title: "what a REPLICA refuses, in which words, and what it allows", Brief: true, Run: onReplica},
	{ID: "27b", Title: "schema statements on a REPLICA are refused like writes", Run: schemaOnReplica},
	{ID: "28", Title: "--init-file runs before Bolt opens; lines that fail are passed over", Notes: []int{1}, Run: initFile},
	{ID: "note 1", Title: "born as REPLICA: fresh, restarted and killed nodes come up as replicas and keep their data", Notes: []int{15}, Run: bornReplica},
	{ID: "note 13e", Title: "SET REPLICATION ROLE TO REPLICA on a busy port fails and still switches the role", Run: busyPort},
}

func insideTransaction(t *judge.T) {
	n := up(t, "a")[0]
	for _, q := range []string{
		"SHOW REPLICATION ROLE", "SHOW REPLICAS", `REGISTER REPLICA rx SYNC TO "127.0.0.1:10001"`,
		"DROP REPLICA rx", setReplica(n),
	} {
		tx, err := client.Begin(t.Context(), n.Addr())
		t.Check(err)
		a := tx.Run(t.Context(), q)
		t.Note("a> BEGIN; %s → %s", q, a)
		t.WantRefusal("BEGIN; "+q, a, inTransaction(t.Version))
		if c := tx.Commit(t.Context()); c.OK() {
			t.Errorf("COMMIT after the refusal", "an error", "OK")
		}
		tx.Close(t.Context())
	}
	t.Role(n, "main")
	t.Replicas(n)
}

func demotion(t *judge.T) {
	a, b := pair(t, "SYNC")
	tx, err := client.Begin(t.Context(), a.Addr())
	t.Check(err)
	defer tx.Close(t.Context())
	if w := tx.Run(t.Context(), put(3)); !w.OK() {
		t.Errorf("a> BEGIN; "+put(3), "OK", w.Outcome())
	}
	d := t.OK(a, setReplica(a))
	t.Took("demotion", d.Took, 0, 2*time.Second)
	t.WantRefusal("COMMIT after the demotion", tx.Commit(t.Context()),
		judge.Refusal{At: client.AtCommit, Code: judge.ClientError, Text: notMain})
	t.Role(a, "replica")
	t.Refused(a, put(4), writeOnReplica(t.Version))
	holds(t, a, 1, 2)

	promote(t, a)
	t.Replicas(a) // the registration of b was erased
	t.OK(a, put(5))
	holds(t, b, 1, 2)
	restart(t, a)
	t.Role(a, "main")
	t.Replicas(a)
	t.OK(a, registration(b, "SYNC"))
	t.ReplicasWithin(a, 10*time.Second, "b sync ready behind=0")
	holds(t, b, 1, 2, 5)
}

func obeysNobody(t *judge.T) {
	a, b := pair(t, "SYNC")
	promote(t, b)
	demote(t, b)
	t.Replicas(a, "b sync ready behind=0 ts=4") // a has not noticed
	t.Refused(a, put(3), anySyncFailure(t.Version))
	t.Replicas(a, "b sync invalid behind=-2 ts=4")
	t.Holds("b stays invalid on a", 2*time.Second, func() bool {
		return judge.Match(t.ShowReplicas(a), "b sync invalid")
	})
	holds(t, b, 1, 2)
	drop(t, a, b)
	register(t, a, b, "SYNC")
	t.ReplicasWithin(a, 10*time.Second, "b sync ready behind=0 ts=6")
	t.OK(a, put(4))
	holds(t, b, 1, 2, 3, 4)
}

func readAcrossPromotion(t *judge.T) {
	_, b := pair(t, "ASYNC")
	t.Within(5*time.Second, func() bool { return len(contents(t, b)) == 2 })
	tx, err := client.Begin(t.Context(), b.Addr())
	t.Check(err)
	defer tx.Close(t.Context())
	for i := range 2 {
		a := tx.Run(t.Context(), "MATCH (n:S) RETURN count(n)")
		if v, ok := a.Single(); !ok || v != int64(2) {
			t.Errorf("read in the transaction on b", "2", a.String())
		}
		if i == 0 {
			promote(t, b)
		}
	}
	if c := tx.Commit(t.Context()); !c.OK() {
		t.Errorf("COMMIT of the read-only transaction", "OK", c.Outcome())
	}
}

func promotion(t *judge.T) {
	a, b, c := trio(t, "SYNC")
	if !b.Listening(t.Context()) {
		t.Errorf("replication port of replica b", "listening", "refused")
	}
	p := t.OK(b, "SET REPLICATION ROLE TO MAIN")
	t.Took("promotion", p.Took, 0, 3*time.Second)
	if b.Listening(t.Context()) {
		t.Errorf("replication port of b after its promotion", "refused", "listening")
	}
	t.Role(b, "main")
	t.Replicas(b)
	t.OK(b, put(20))
	holds(t, b, 1, 2, 20)
	t.Role(a, "main") // it never learns
	t.OK(b, registration(c, "ASYNC"))
	t.ReplicasWithin(b, 10*time.Second, "c async ready behind=0")
	holds(t, c, 1, 2, 20)
}

func oldMainRestarts(t *judge.T) {
	a, b, c := trio(t, "SYNC")
	kill(t, a)
	promote(t, b)
	t.Must(b, put(20))
	register(t, b, c, "SYNC")
	t.ReplicasWithin(b, 10*time.Second, "c sync ready behind=0")

	start(t, a)
	t.Role(a, "main")
	t.Replicas(a, "b sync invalid behind=-4 ts=0", "c async invalid behind=-4 ts=0")
	t.Refused(a, put(3), failedSync(t.Version, "b", notInSync))
	holds(t, a, 1, 2, 3) // it keeps writing: nothing fences it
	t.Pause(1500 * time.Millisecond)
	t.Replicas(b, "c sync ready behind=0")
	t.OK(b, put(21))
	holds(t, c, 1, 2, 20, 21)
}

func onReplica(t *judge.T) {
	n := up(t, "a")[0]
	t.Must(n, put(1))
	t.Must(n, setReplica(n))
	show := t.Refused(n, "SHOW REPLICAS", showReplicasOnReplica(t.Version))
	if t.Version.Recorded() && !slices.Equal(show.Columns, judge.ReplicaColumns) {
		t.Errorf("columns of the refused SHOW REPLICAS", client.Value(judge.ReplicaColumns), client.Value(show.Columns))
	}
	t.Refused(n, `REGISTER REPLICA zz SYNC TO "127.0.0.1:1"`, judge.OnPull(registerOn))
	t.Refused(n, "DROP REPLICA zz", dropOnReplica(t.Version))
	for _, q := range []string{"CREATE (:X)", "MATCH (n) SET n.y=1", "MERGE (:S {i:1})"} {
		t.Refused(n, q, writeOnReplica(t.Version))
	}
	holds(t, n, 1)

	tx, err := client.Begin(t.Context(), n.Addr())
	t.Check(err)
	t.WantRefusal("BEGIN; CREATE (:X)", tx.Run(t.Context(), "CREATE (:X)"), writeOnReplica(t.Version))
	tx.Close(t.Context())
	tx, err = client.Begin(t.Context(), n.Addr())
	t.Check(err)
	defer tx.Close(t.Context())
	read := tx.Run(t.Context(), "MATCH (n) RETURN count(n)")
	if v, _ := read.Single(); v != int64(1) {
		t.Errorf("BEGIN; MATCH (n) RETURN count(n)", "1", read.String())
	}
	if c := tx.Commit(t.Context()); !c.OK() {
		t.Errorf("COMMIT of a read on a replica", "OK", c.Outcome())
	}
	t.Role(n, "replica")
}

func schemaOnReplica(t *judge.T) {
	n := up(t, "a")[0]
	t.Must(n, setReplica(n))
	t.Refused(n, "CREATE INDEX ON :X", writeOnReplica(t.Version))
	constraint := "CREATE CONSTRAINT ON (n:X) ASSERT EXISTS (n.a)"
	if t.Version.Is(3, 6, 2) {
		t.Refused(n, constraint, judge.OnPull("Queries on replica shouldn't write."))
	} else {
		t.Refused(n, constraint, judge.Refusal{})
	}
	promote(t, n)
	if a := t.OK(n, "SHOW INDEX INFO"); len(a.Rows) > 0 {
		t.Errorf("SHOW INDEX INFO after the refusals", "no rows", a.String())
	}
	if a := t.OK(n, "SHOW CONSTRAINT INFO"); len(a.Rows) > 0 {
		t.Errorf("SHOW CONSTRAINT INFO after the refusals", "no rows", a.String())
	}
}

func initFile(t *judge.T) {
	n := t.Cluster("a")[0]
	flag, err := n.InitFile("THIS IS NO CYPHER;", "SET REPLICATION ROLE TO MAIN;", setReplica(n)+";", "DROP REPLICA nobody;")
	t.Check(err)
	n.Flags = append(n.Flags, flag)
	for range 3 { // the very first answer must come from a replica, each time
		start(t, n)
		t.Role(n, "replica")
		kill(t, n)
	}
}

func bornReplica(t *judge.T) {
	nodes := born(t, "a", "b", "c")
	a, b, c := nodes[0], nodes[1], nodes[2]
	for _, n := range nodes {
		t.Role(n, "replica")
	}
	t.Announced(a, "SET REPLICATION ROLE TO MAIN", "SetReplica", "Replica role set to MAIN.")
	t.OK(a, registration(b, strictSync(t)))
	t.OK(a, registration(c, "ASYNC"))
	t.OK(a, put(1))
	t.ReplicasWithin(a, 5*time.Second, "b strict_sync ready behind=0 ts=2", "c async ready behind=0 ts=2")

	comeBack(t, b)
	t.Role(b, "replica")
	t.ReplicasWithin(a, 10*time.Second, "b strict_sync ready behind=0 ts=2", "c async ready behind=0 ts=2")
	t.OK(a, put(2))
	holds(t, b, 1, 2)

	restart(t, a)
	t.Role(a, "replica")
	holds(t, a, 1, 2)
	t.Refused(a, put(9), writeOnReplica(t.Version))
	t.Refused(a, "SHOW REPLICAS", showReplicasOnReplica(t.Version))
	t.OK(a, "SET REPLICATION ROLE TO MAIN")
	t.Replicas(a) // the registrations are lost
	t.OK(a, registration(b, strictSync(t)))
	t.ReplicasWithin(a, 10*time.Second, "b strict_sync ready behind=0")
	t.OK(a, put(3))
	holds(t, b, 1, 2, 3)
}

// strictSync returns the mode, or ends the case on releases that do not know it.
func strictSync(t *judge.T) string {
	if t.Version.Below(3, 5) {
		t.Skip("STRICT_SYNC exists since 3.5")
	}
	return "STRICT_SYNC"
}

func busyPort(t *judge.T) {
	n := up(t, "a", "b")
	a, b := n[0], n[1]
	t.Must(a, put(1))
	onBolt := "SET REPLICATION ROLE TO REPLICA WITH PORT " + b.Addr()[len("127.0.0.1:"):]
	t.Refused(a, onBolt, judge.OnPull(cannotRepl))
	t.Role(a, "replica")
	t.Refused(a, put(2), writeOnReplica(t.Version))
	t.Announced(a, "SET REPLICATION ROLE TO MAIN", "SetReplica", "Replica role set to MAIN.")
	t.OK(a, put(3))
	holds(t, a, 1, 3)
}
