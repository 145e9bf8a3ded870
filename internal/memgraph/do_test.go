package memgraph

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"memgraph-controller/internal/cluster"
)

func failureOfStep(t *testing.T, err error) cluster.Failure {
	t.Helper()
	if err == nil {
		return 0
	}
	var step *cluster.StepError
	if !errors.As(err, &step) {
		t.Fatalf("error %T (%v) is no *cluster.StepError", err, err)
	}
	return step.Failure
}

// turns makes statement, when it is run, change what the node says of its role.
func (f *fake) turns(statement, role string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.onRun = func(s string) {
		if s == statement {
			f.sayIt("SHOW REPLICATION ROLE", roleReply(role))
		}
	}
}

const toMain = "SET REPLICATION ROLE TO MAIN"

func toReplica(n *Nodes, o int) string {
	_, port, _ := net.SplitHostPort(n.topology[o].Replication)
	return "SET REPLICATION ROLE TO REPLICA WITH PORT " + port
}

func TestSetRoleIsProvenByReadingBack(t *testing.T) {
	for _, c := range []struct {
		name     string
		kind     cluster.Kind
		is, then string // roles before and after the statement
		reply    reply
		want     cluster.Failure
		text     string
	}{
		{"promoted", cluster.Promote, "replica", "main", reply{}, 0, ""},
		{"promoted, answer lost", cluster.Promote, "replica", "main", reply{hang: true}, 0, ""},
		{"somebody else did", cluster.Promote, "replica", "main", fails("Couldn't set replication role to main!"), 0, ""},
		{"lock taken", cluster.Promote, "replica", "replica", fails("Couldn't set replication role to main!"), cluster.Busy, "Couldn't set"},
		{"agreed, not done", cluster.Promote, "replica", "replica", reply{}, cluster.Unclear, "its role is replica"},
		{"answer lost, not done", cluster.Promote, "replica", "replica", reply{hang: true}, cluster.Unclear, ""},
		{"coordinator's", cluster.Promote, "replica", "replica", fails("Can't set role manually on instance with coordinator server port."), cluster.Unclear, "manually"},
		{"demoted", cluster.Demote, "main", "replica", reply{}, 0, ""},
		{"demotion refused", cluster.Demote, "main", "main", fails("Couldn't set role to replica!"), cluster.Busy, ""},
		{"busy port", cluster.Demote, "main", "replica", fails("Couldn't set role to replica!"), cluster.Deaf, "in use"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFake(t)
			n := newNodes(t, Options{}, f.addr)
			statement := toMain
			if c.kind == cluster.Demote {
				statement = toReplica(n, 0)
			}
			f.say("SHOW REPLICATION ROLE", roleReply(c.is))
			f.say(statement, c.reply)
			f.turns(statement, c.then)
			err := n.Do(t.Context(), cluster.Step{Kind: c.kind, Node: 0})
			if got := failureOfStep(t, err); got != c.want || (err != nil && !strings.Contains(err.Error(), c.text)) {
				t.Errorf("do = %v (%s), want %s, %q", err, got, c.want, c.text)
			}
			if c.kind == cluster.Demote {
				wantAsked(t, f, "SHOW REPLICATION ROLE", "SHOW TRANSACTIONS", statement, "SHOW REPLICATION ROLE")
				return
			}
			wantAsked(t, f, "SHOW REPLICATION ROLE", statement, "SHOW REPLICATION ROLE")
		})
	}
}

// A MAIN that is about to step down is left to what was begun, for a while.
func TestDemotionWaitsForOpenTransactions(t *testing.T) {
	rows := func(queries ...string) reply {
		var list [][]any
		for i, q := range queries {
			list = append(list, []any{"", strconv.Itoa(i), []any{q}, map[string]any{}})
		}
		return table([]any{"username", "transaction_id", "query", "metadata"}, list...)
	}
	for _, ends := range []bool{true, false} {
		f := newFake(t)
		n := newNodes(t, Options{}, f.addr)
		f.say("SHOW TRANSACTIONS", rows("SHOW TRANSACTIONS", "CREATE (n)"))
		f.say(toReplica(n, 0), reply{})
		f.turns(toReplica(n, 0), "replica")
		if ends {
			time.AfterFunc(50*time.Millisecond, func() { f.say("SHOW TRANSACTIONS", rows("SHOW TRANSACTIONS")) })
		}
		began := time.Now()
		if err := n.Do(t.Context(), cluster.Step{Kind: cluster.Demote, Node: 0}); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took < 50*time.Millisecond || !ends && took < calmLimit {
			t.Errorf("ends %v: demoted after %s", ends, took)
		}
	}
}

func TestSetRoleThatIsSoAlreadyAsksForNothing(t *testing.T) {
	f := newFake(t)
	n := newNodes(t, Options{}, f.addr)
	if err := n.Do(t.Context(), cluster.Step{Kind: cluster.Promote, Node: 0}); err != nil {
		t.Error(err)
	}
	wantAsked(t, f, "SHOW REPLICATION ROLE")
}

func TestMark(t *testing.T) {
	for _, c := range []struct {
		name  string
		reply reply
		want  cluster.Failure
	}{
		{"confirmed", reply{}, 0},
		{"strict sync, 3.6", reply{code: "Memgraph.TransientError.MemgraphError.MemgraphError", message: "At least one STRICT_SYNC replica has not confirmed committing last transaction. Transaction will be aborted on all instances."}, cluster.Aborted},
		{"strict sync, 3.12", fails("Replication Exception: Failed to replicate to STRICT_SYNC replica 'b': RPC communication error. Replica will be recovered automatically. Transaction was aborted on all instances. Check the status of the replicas using 'SHOW REPLICAS' query."), cluster.Aborted},
		{"sync, 3.12", fails("Replication Exception: Failed to replicate to SYNC replica 'b': replica is not reachable or not in sync with the main. Replica will be recovered automatically. Transaction is still committed on the main instance and other alive replicas. Check the status of the replicas using 'SHOW REPLICAS' query."), cluster.Aborted},
		{"sync, after 3.12", reply{notices: []any{"SyncReplicationFailure"}}, cluster.Aborted},
		{"other notice", reply{notices: []any{"PlanHinting"}}, 0},
		{"demoted meanwhile", fails("Cannot commit because instance is not main anymore."), cluster.WrongRole},
		{"answer lost", reply{hang: true}, cluster.Unclear},
		{"something else", fails("Memory limit exceeded!"), cluster.Unclear},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFake(t)
			f.say("CREATE (n) DELETE n", c.reply)
			n := newNodes(t, Options{}, f.addr)
			err := n.Do(t.Context(), cluster.Step{Kind: cluster.Mark, Node: 0})
			if got := failureOfStep(t, err); got != c.want {
				t.Errorf("mark = %v (%s), want %s", err, got, c.want)
			}
			wantAsked(t, f, "SHOW REPLICATION ROLE", "CREATE (n) DELETE n") // once, whatever came of it
		})
	}
}

// What was seen of a node may be a moment old: a volume that was lost since is not
// promoted.
func TestPromoteLooksAtTheDatabaseFirst(t *testing.T) {
	for _, c := range []struct {
		name, holds string
		want        cluster.Failure
		asked       []string
	}{
		{"the one that was proven", "u1", 0, []string{"SHOW REPLICATION ROLE", storageOfAll, toMain, "SHOW REPLICATION ROLE"}},
		{"another", "u2", cluster.Replaced, []string{"SHOW REPLICATION ROLE", storageOfAll}},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFake(t)
			f.say("SHOW REPLICATION ROLE", roleReply("replica"))
			f.say(storageOfAll, table([]any{"storage info", "value"}, []any{"database_uuid", c.holds}, []any{"vertex_count", int64(1)}, []any{"edge_count", int64(0)}))
			f.say(toMain, reply{})
			f.turns(toMain, "main")
			n := newNodes(t, Options{}, f.addr)
			err := n.Do(t.Context(), cluster.Step{Kind: cluster.Promote, Node: 0, Database: "u1"})
			if got := failureOfStep(t, err); got != c.want {
				t.Errorf("promote = %v (%s), want %s", err, got, c.want)
			}
			wantAsked(t, f, c.asked...)
		})
	}
}

func TestStepsThatNeedMain(t *testing.T) {
	f := newFake(t)
	f.say("SHOW REPLICATION ROLE", roleReply("replica"))
	n := newNodes(t, Options{}, f.addr, closedPort(t))
	for _, kind := range []cluster.Kind{cluster.Mark, cluster.Register, cluster.Drop} {
		err := n.Do(t.Context(), cluster.Step{Kind: kind, Node: 0, Replica: 1, Name: "mg-1", Mode: cluster.Async})
		if got := failureOfStep(t, err); got != cluster.WrongRole {
			t.Errorf("%s on a replica = %v, want wrong role", kind, err)
		}
	}
	wantAsked(t, f, "SHOW REPLICATION ROLE", "SHOW REPLICATION ROLE", "SHOW REPLICATION ROLE")
}

func TestRegister(t *testing.T) {
	for _, c := range []struct {
		message string
		want    cluster.Failure
	}{
		{"", 0},
		{"Couldn't register replica mg-1. Error: 0", cluster.WrongRole},
		{"Couldn't register replica mg-1. Error: 1", cluster.Exists},
		{"Couldn't register replica mg-1. Error: 2", cluster.Exists},
		{"Couldn't register replica mg-1. Error: 3", cluster.Refuses},
		{"Couldn't register replica mg-1. Error: 4", cluster.Unclear},
		{"Couldn't register replica mg-1. Error: 5", cluster.Deaf},
		{"Couldn't register replica mg-1. Error: 6", cluster.Busy},
		{"Couldn't register replica mg-1. Error: 7", cluster.Unclear},
		{"Replica can't register another replica!", cluster.WrongRole},
		{"Multiple concurrent system queries are not supported.", cluster.Busy},
	} {
		t.Run(c.message, func(t *testing.T) {
			f := newFake(t)
			n := newNodes(t, Options{}, f.addr, closedPort(t))
			statement := fmt.Sprintf("REGISTER REPLICA `mg-1` STRICT_SYNC TO %q", n.topology[1].Replication)
			f.say(statement, reply{})
			if c.message != "" {
				f.say(statement, fails(c.message))
			}
			step := cluster.Step{Kind: cluster.Register, Node: 0, Replica: 1, Mode: cluster.StrictSync}
			err := n.Do(t.Context(), step)
			if got := failureOfStep(t, err); got != c.want {
				t.Errorf("register = %v (%s), want %s", err, got, c.want)
			}
			wantAsked(t, f, "SHOW REPLICATION ROLE", "SHOW VERSION", statement)
		})
	}
}

func TestRegisterAsksMainNothingWhileThePortIsClosed(t *testing.T) {
	f := newFake(t)
	n := newNodes(t, Options{}, f.addr, closedPort(t))
	n.topology[1].Replication = closedPort(t)
	n.nodes[1].Replication = n.topology[1].Replication
	err := n.Do(t.Context(), cluster.Step{Kind: cluster.Register, Node: 0, Replica: 1, Mode: cluster.Async})
	if got := failureOfStep(t, err); got != cluster.Deaf {
		t.Errorf("register of a closed port = %v, want not accepting", err)
	}
	wantAsked(t, f)
}

func TestRegisterBeforeErrorsHadCodes(t *testing.T) {
	row := func(info any) []any { return []any{"mg-1", "10.9.9.9:10000", "sync", nil, info} }
	for _, c := range []struct {
		name, version string
		before, after reply
		want          cluster.Failure
		sent          bool
	}{
		{"listed before", "3.4.0", replicasReply(row(memgraphInfo("ready", int64(1), int64(0)))), reply{}, cluster.Exists, false},
		{"ghost", "3.4.0", replicasReply(), replicasReply(row(map[string]any{})), cluster.Refuses, true},
		{"diverged", "2.20.0", replicasReply(), replicasReply(row(memgraphInfo("diverged", int64(1), int64(0)))), cluster.Refuses, true},
		{"somebody else did", "3.4.0", replicasReply(), replicasReply(row(memgraphInfo("ready", int64(1), int64(0)))), cluster.Exists, true},
		{"role lock", "2.21.0", replicasReply(), replicasReply(), cluster.Busy, true},
		{"no lock, no ghost", "2.19.0", replicasReply(), replicasReply(), cluster.Refuses, true},
		{"version unknown", "?", replicasReply(), replicasReply(), cluster.Unclear, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFake(t)
			n := newNodes(t, Options{}, f.addr, closedPort(t))
			f.say("SHOW VERSION", versionReply(c.version))
			f.say("SHOW REPLICAS", c.before)
			statement := fmt.Sprintf("REGISTER REPLICA `mg-1` SYNC TO %q", n.topology[1].Replication)
			f.say(statement, fails("Couldn't register replica mg-1."))
			f.mu.Lock()
			sent := false
			f.onRun = func(s string) {
				if s == statement {
					sent = true
					f.sayIt("SHOW REPLICAS", c.after)
				}
			}
			f.mu.Unlock()
			err := n.Do(t.Context(), cluster.Step{Kind: cluster.Register, Node: 0, Replica: 1, Mode: cluster.Sync})
			if got := failureOfStep(t, err); got != c.want || sent != c.sent {
				t.Errorf("register = %v (%s), sent %t; want %s, %t", err, got, sent, c.want, c.sent)
			}
		})
	}
}

func TestDrop(t *testing.T) {
	present := replicasReply([]any{"we`ird-1", "10.0.0.1:10000", "sync", nil, map[string]any{}})
	for _, c := range []struct {
		name    string
		message string
		list    reply
		want    cluster.Failure
	}{
		{"dropped", "", reply{}, 0},
		{"unknown, 3.12", "Failed to unregister the replica we`ird-1.", replicasReply(), 0},
		{"unknown, 3.0", "Couldn't unregister the replica we`ird-1.", replicasReply(), 0},
		{"unknown, 2.19", "Couldn't unregister the replica 'we`ird-1'", replicasReply(), 0},
		{"refused and still there", "Failed to unregister the replica we`ird-1.", present, cluster.Unclear},
		{"list unreadable", "Failed to unregister the replica we`ird-1.", fails("?"), cluster.Unclear},
		{"lock taken", "Failed to unregister replica due to lack of unique access over the cluster state. Please try again later on.", reply{}, cluster.Busy},
		{"lock taken, 3.0", "Couldn't get unique access to replication state!", reply{}, cluster.Busy},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFake(t)
			n := newNodes(t, Options{}, f.addr)
			f.say("SHOW REPLICAS", c.list)
			f.say("DROP REPLICA `we``ird-1`", reply{})
			if c.message != "" {
				f.say("DROP REPLICA `we``ird-1`", fails(c.message))
			}
			err := n.Do(t.Context(), cluster.Step{Kind: cluster.Drop, Node: 0, Replica: cluster.NoNode, Name: "we`ird-1"})
			if got := failureOfStep(t, err); got != c.want {
				t.Errorf("drop = %v (%s), want %s", err, got, c.want)
			}
		})
	}
}

func TestStepsThatCannotBeAsked(t *testing.T) {
	n := newNodes(t, Options{}, closedPort(t), mute(t))
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	for _, c := range []struct {
		step cluster.Step
		want cluster.Failure
	}{
		{cluster.Step{Kind: cluster.Promote, Node: 0}, cluster.Unreachable},
		{cluster.Step{Kind: cluster.Promote, Node: 1}, cluster.Unreachable},
		{cluster.Step{Kind: cluster.Restart, Node: 0}, cluster.Unclear},
		{cluster.Step{Kind: cluster.NoStep, Node: 0}, cluster.Unclear},
		{cluster.Step{Kind: cluster.Promote, Node: 7}, cluster.Unclear},
		{cluster.Step{Kind: cluster.Register, Node: 0, Replica: 7}, cluster.Unclear},
		{cluster.Step{Kind: cluster.Register, Node: 0, Replica: cluster.NoNode}, cluster.Unclear},
	} {
		if got := failureOfStep(t, n.Do(ctx, c.step)); got != c.want {
			t.Errorf("%s = %s, want %s", c.step, got, c.want)
		}
	}
}

func TestStepTimesOutAndIsNotSentAgain(t *testing.T) {
	f := newFake(t)
	n := newNodes(t, Options{}, f.addr)
	f.say("DROP REPLICA `mg-1`", reply{mute: true})
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	err := n.Do(ctx, cluster.Step{Kind: cluster.Drop, Node: 0, Name: "mg-1"})
	if got := failureOfStep(t, err); got != cluster.TimedOut {
		t.Errorf("drop = %v (%s), want timed out", err, got)
	}
	wantAsked(t, f, "SHOW REPLICATION ROLE", "DROP REPLICA `mg-1`")
}

func TestStepOverADeadConnectionTakesANewOne(t *testing.T) {
	f := newFake(t)
	n := newNodes(t, Options{}, f.addr)
	n.Look(t.Context(), 0)
	f.cut()
	f.say("CREATE (n) DELETE n", reply{})
	if err := n.Do(t.Context(), cluster.Step{Kind: cluster.Mark, Node: 0}); err != nil {
		t.Error(err)
	}
}
