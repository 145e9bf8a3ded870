//go:build linux

package cases

import (
	"fmt"
	"time"

	"memgraph-controller/test/contract/judge"
	"memgraph-controller/test/contract/server"
)

var registerCases = []judge.Case{
	{ID: "5", Title: "REGISTER and DROP: announcements, codes 1, 2 and 5, at once when refused; ghosts have {} and never block a write", Notes: []int{13}, Run: registerCodes},
	{ID: "5b", Title: "REGISTER of a diverged replica: error 3, a ghost, and error 1 after it", Notes: []int{15}, Run: registerDiverged},
	{ID: "5c", Title: "a ghost is not picked up when its replica appears; a restart of MAIN makes it a real, blocking registration", Notes: []int{13}, Run: ghostRestart},
	{ID: "5d", Title: "the words of a failed REGISTER and of DROP, by release", Brief: true, Run: registerTexts},
	{ID: "6", Title: "REGISTER steals a replica from another MAIN, even when it answers error 3", Notes: []int{13}, Run: steal},
	{ID: "6b", Title: "a stolen STRICT_SYNC replica makes the old MAIN abort every write", Notes: []int{15}, Run: stealStrict},
	{ID: "13", Title: "a non-empty replica of another database: registered, invalid for good, blocks STRICT_SYNC writes until dropped", Notes: []int{19}, Run: unrelated},
	{ID: "13b", Title: "an empty replica adopts MAIN's database_uuid and is re-seeded with data, indexes and constraints", Run: reseeded},
	{ID: "23", Title: "DROP of an unknown replica; DROP leaves the replica a REPLICA", Brief: true, Run: dropping},
	{ID: "30", Title: "SYNC and STRICT_SYNC replicas side by side are accepted by REGISTER", Run: mixedModes},
}

func registerCodes(t *judge.T) {
	n := up(t, "a", "b", "c")
	a, b, c := n[0], n[1], n[2]
	v := t.Version
	demote(t, b)
	t.Announced(a, registration(b, "SYNC"), "RegisterReplica", "Replica b is registered.")
	t.Refused(a, registration(b, "SYNC"), cannotRegister(v, "b", 1))
	t.Refused(a, fmt.Sprintf(`REGISTER REPLICA b ASYNC TO "%s"`, c.ReplAddr()), cannotRegister(v, "b", 1))
	t.Refused(a, fmt.Sprintf(`REGISTER REPLICA b2 SYNC TO "%s"`, b.ReplAddr()), cannotRegister(v, "b2", 2))
	t.OK(a, fmt.Sprintf(`REGISTER REPLICA b3 SYNC TO "localhost:%d"`, b.Repl)) // another spelling is another endpoint
	t.OK(a, "DROP REPLICA b3")

	ghosts := []struct{ name, mode, addr, shown string }{
		{"refused", "STRICT_SYNC", c.ReplAddr(), c.ReplAddr()}, // c is a MAIN: its port is closed
		{"later", "ASYNC", a.ReplAddr(), a.ReplAddr()},
		{"bolt", "SYNC", c.Addr(), c.Addr()},
		{"self", "SYNC", a.Addr(), a.Addr()},
		{"nodns", "ASYNC", "nosuchhost.invalid:10000", "nosuchhost.invalid:10000"},
		{"noport", "SYNC", "nosuchhost2.invalid", "nosuchhost2.invalid:10000"},
	}
	for _, g := range ghosts {
		r := t.Refused(a, fmt.Sprintf(`REGISTER REPLICA %s %s TO "%s"`, g.name, g.mode, g.addr), cannotRegister(v, g.name, 5))
		t.Took("refused REGISTER of "+g.addr, r.Took, 0, 2*time.Second)
	}
	t.Replicas(a, "b sync ready behind=0", "refused strict_sync {}", "later async {}", "bolt sync {}", "self sync {}", "nodns async {}", "noport sync {}")
	for i, r := range t.ShowReplicas(a) {
		if i > 0 && r.Address != ghosts[i-1].shown {
			t.Errorf("socket_address of "+r.Name, ghosts[i-1].shown, r.Address)
		}
	}
	t.OK(a, put(1)) // none of the ghosts takes part
	t.Refused(a, fmt.Sprintf(`REGISTER REPLICA refused SYNC TO "%s"`, c.ReplAddr()), cannotRegister(v, "refused", 1))
	for _, g := range ghosts {
		t.Announced(a, "DROP REPLICA "+g.name, "DropReplica", "Replica "+g.name+" is dropped.")
	}
	t.ReplicasWithin(a, 5*time.Second, "b sync ready behind=0")
}

// splitBrain makes b, an ASYNC replica of a, a MAIN with write 20, while a
// commits write 3 which b lacks. Then a is a replica again.
func splitBrain(t *judge.T) (a, b *server.Node) {
	a, b = pair(t, "ASYNC")
	promote(t, b)
	t.Must(b, put(20))
	drop(t, a, b)
	t.Must(a, put(3))
	demote(t, a)
	return a, b
}

func registerDiverged(t *judge.T) {
	a, b := splitBrain(t)
	v := t.Version
	t.Refused(b, registration(a, "ASYNC"), cannotRegister(v, "a", 3))
	t.Replicas(b, "a async {}")
	t.Refused(b, registration(a, "ASYNC"), cannotRegister(v, "a", 1))
	t.OK(b, "DROP REPLICA a")
	t.Refused(b, registration(a, "STRICT_SYNC"), cannotRegister(v, "a", 3))
	t.Pause(1500 * time.Millisecond)
	t.Replicas(b, "a strict_sync {}") // no periodic check heals or changes it
	t.OK(b, put(21))
	holds(t, a, 1, 2, 3)
	t.OK(b, "DROP REPLICA a")
	t.Replicas(b)
}

func ghostRestart(t *judge.T) {
	n := up(t, "a", "b", "c")
	a, b, c := n[0], n[1], n[2]
	t.Must(a, put(1))
	t.Refused(a, registration(b, "SYNC"), cannotRegister(t.Version, "b", 5))
	demote(t, b)
	t.Pause(1500 * time.Millisecond)
	t.Replicas(a, "b sync {}")
	t.OK(a, put(2))
	holds(t, b)
	drop(t, a, b)

	t.Refused(a, registration(c, "SYNC"), cannotRegister(t.Version, "c", 5)) // c is a MAIN
	t.OK(a, put(3))
	restart(t, a)
	t.Replicas(a, "c sync invalid behind=-6 ts=0")
	t.Refused(a, put(4), failedSync(t.Version, "c", notInSync))
	holds(t, a, 1, 2, 3, 4)
	t.OK(a, "DROP REPLICA c")
	t.OK(a, put(5))
}

func registerTexts(t *judge.T) {
	n := up(t, "a", "b")
	a, b := n[0], n[1]
	t.Refused(a, registration(b, "SYNC"), cannotRegister(t.Version, "b", 5))
	t.Refused(a, registration(b, "SYNC"), cannotRegister(t.Version, "b", 1))
	t.OK(a, "DROP REPLICA b")
	t.Refused(a, "DROP REPLICA b", dropUnknown(t.Version, "b"))
	t.Must(b, setReplica(b))
	t.OK(a, registration(b, "ASYNC"))
	if t.Version.Below(3, 5) {
		t.Refused(a, `REGISTER REPLICA x STRICT_SYNC TO "127.0.0.1:1"`, judge.Refusal{At: "run"})
	}
}

func steal(t *judge.T) {
	n := up(t, "a", "b", "c")
	a, b, c := n[0], n[1], n[2]
	demote(t, b, c)
	register(t, a, b, "SYNC")
	register(t, a, c, "SYNC")
	t.Must(a, put(1))
	t.Must(a, put(2))
	promote(t, b)
	t.OK(b, registration(c, "SYNC"))
	t.OK(b, put(3))
	t.Refused(a, put(4), anySyncFailure(t.Version))
	t.Replicas(a, "b sync invalid behind=-2 ts=4", "c sync invalid behind=-2 ts=4")
	t.Replicas(b, "c sync ready behind=0 ts=6")
	holds(t, c, 1, 2, 3)
	holds(t, a, 1, 2, 4)

	drop(t, a, c) // a takes c back: refused, and yet taken
	t.Refused(a, registration(c, "SYNC"), cannotRegister(t.Version, "c", 3))
	t.Replicas(a, "b sync invalid behind=-2 ts=4", "c sync {}")
	t.Refused(b, put(5), anySyncFailure(t.Version))
	holds(t, b, 1, 2, 3, 5)
	holds(t, c, 1, 2, 3)
}

func stealStrict(t *judge.T) {
	a, b, c := trio(t, "STRICT_SYNC")
	promote(t, c)
	t.Must(c, marker)
	t.OK(c, registration(b, "STRICT_SYNC"))
	t.ReplicasWithin(c, 5*time.Second, "b strict_sync ready behind=0")
	t.Refused(a, put(3), anyStrictFailure(t.Version))
	t.Refused(a, put(4), failedStrict(t.Version, "b", notInSync))
	holds(t, a, 1, 2)
	t.ReplicasWithin(a, 5*time.Second, "b strict_sync invalid behind=0", "c async *")
	t.OK(c, put(30))
	holds(t, b, 1, 2, 30)
}

func unrelated(t *judge.T) {
	n := up(t, "a", "d")
	a, d := n[0], n[1]
	t.Must(a, put(1))
	t.Must(a, put(2))
	for i := range 3 {
		t.Must(d, fmt.Sprintf("CREATE (:D {i:%d})", i))
	}
	demote(t, d)
	t.OK(a, registration(d, "STRICT_SYNC"))
	t.Replicas(a, "d strict_sync invalid behind=-4 ts=0")
	t.Holds("d stays invalid", 2500*time.Millisecond, func() bool {
		return judge.Match(t.ShowReplicas(a), "d strict_sync invalid behind=-4 ts=0")
	})
	t.Refused(a, put(3), failedStrict(t.Version, "d", notInSync))
	t.OK(a, "DROP REPLICA d")
	t.OK(a, put(4))
	t.OK(a, registration(d, "ASYNC"))
	t.Replicas(a, "d async invalid behind=-8 ts=0")
	t.OK(a, put(5))
	t.Value(d, "MATCH (n) RETURN count(n)", "3")
}

func reseeded(t *judge.T) {
	n := up(t, "a", "b")
	a, b := n[0], n[1]
	for i := range 5 {
		t.Must(a, put(i))
	}
	t.Must(a, "CREATE INDEX ON :S(i)")
	t.Must(a, "CREATE CONSTRAINT ON (n:S) ASSERT n.i IS UNIQUE")
	demote(t, b)
	register(t, a, b, "SYNC")
	t.ReplicasWithin(a, 10*time.Second, "b sync ready behind=0")
	holds(t, b, 0, 1, 2, 3, 4)
	if ua, ub := uuid(t, a), uuid(t, b); ua != ub {
		t.Errorf("database_uuid of the re-seeded b", ua, ub)
	}
	for q, want := range map[string]string{
		"SHOW INDEX INFO":      `"label+property" | "S" | ["i"] | 5`,
		"SHOW CONSTRAINT INFO": `"unique" | "S" | ["i"] | ""`,
	} {
		for _, n := range []*server.Node{a, b} {
			if got := t.OK(n, q); len(got.Rows) != 1 || rowOf(got.Rows[0]) != want {
				t.Errorf(n.Name+"> "+q, want, got.String())
			}
		}
	}
	t.OK(a, put(7))
	holds(t, b, 0, 1, 2, 3, 4, 7)
}

func dropping(t *judge.T) {
	n := up(t, "a", "b")
	a, b := n[0], n[1]
	t.Refused(a, "DROP REPLICA nope", dropUnknown(t.Version, "nope"))
	demote(t, b)
	register(t, a, b, "SYNC")
	t.Must(a, put(1))
	t.Announced(a, "DROP REPLICA b", "DropReplica", "Replica b is dropped.")
	t.Replicas(a)
	t.Role(b, "replica")
	t.OK(a, put(2))
	holds(t, b, 1)
	t.Refused(b, put(3), writeOnReplica(t.Version))
	register(t, a, b, "SYNC")
	t.ReplicasWithin(a, 10*time.Second, "b sync ready behind=0")
	holds(t, b, 1, 2)
}

func mixedModes(t *judge.T) {
	n := up(t, "a", "b", "c")
	a, b, c := n[0], n[1], n[2]
	demote(t, b, c)
	t.Announced(a, registration(b, "SYNC"), "RegisterReplica", "Replica b is registered.")
	t.Announced(a, registration(c, "STRICT_SYNC"), "RegisterReplica", "Replica c is registered.")
	t.Replicas(a, "b sync ready", "c strict_sync ready")
}
