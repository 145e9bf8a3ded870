//go:build linux

package cases

import (
	"fmt"
	"strings"

	"memgraph-controller/test/contract/client"
	"memgraph-controller/test/contract/judge"
)

// The reasons 3.10 and later give for a failed replication (recorded on 3.12.0).
const (
	lostConnection = "RPC communication error"
	notInSync      = "replica is not reachable or not in sync with the main"
	timedOut       = "RPC timeout while replicating"
)

const (
	checkStatus = " Check the status of the replicas using 'SHOW REPLICAS' query."
	syncOld     = "At least one SYNC replica has not confirmed committing last transaction."
	strictOld   = "At least one STRICT_SYNC replica has not confirmed committing last transaction. Transaction will be aborted on all instances."
	notMain     = "Cannot commit because instance is not main anymore."
	concurrent  = "Multiple concurrent system queries are not supported."
	cannotMain  = "Couldn't set replication role to main!"
	cannotRepl  = "Couldn't set role to replica!"
	registerOn  = "Replica can't register another replica!"
)

// writeOnReplica is the refusal of a write on a REPLICA.
func writeOnReplica(v judge.Version) judge.Refusal {
	if v.Below(3, 1) {
		return judge.OnRun("Write query forbidden on the replica!")
	}
	return judge.OnRun("Write queries are forbidden on the replica instance. Replica instances accept only read queries, " +
		"while the main instance accepts read and write queries. Please retry your query on the main instance.")
}

func showReplicasOnReplica(v judge.Version) judge.Refusal {
	if v.Below(3, 1) {
		return judge.OnPull("Replica can't show registered replicas (it shouldn't have any)!")
	}
	return judge.OnPull("Show replicas query should only be run on the main instance.")
}

func dropOnReplica(v judge.Version) judge.Refusal {
	if v.Below(3, 1) {
		return judge.OnPull("Replica can't unregister a replica!")
	}
	return judge.OnPull("Replica can't unregister a replica! Please rerun the query on main in order to unregister a replica from the cluster.")
}

func dropUnknown(v judge.Version, name string) judge.Refusal {
	switch {
	case v.Below(2, 20):
		return judge.OnPull("Couldn't unregister the replica '" + name + "'")
	case v.Below(3, 1):
		return judge.OnPull("Couldn't unregister the replica " + name + ".")
	default:
		return judge.OnPull("Failed to unregister the replica " + name + ".")
	}
}

// dropBusy is the refusal of DROP while the role lock is taken.
func dropBusy(v judge.Version) judge.Refusal {
	if v.Below(3, 1) {
		return judge.OnPull("Couldn't get unique access to replication state!")
	}
	return judge.OnPull("Failed to unregister replica due to lack of unique access over the cluster state. Please try again later on.")
}

// cannotRegister is the refusal of REGISTER; the number is told since 3.5 only.
func cannotRegister(v judge.Version, name string, code int) judge.Refusal {
	switch {
	case v.Below(2, 20):
		return judge.OnPull("Couldn't register replica '" + name + "'!")
	case v.Below(3, 5):
		return judge.OnPull("Couldn't register replica " + name + ".")
	default:
		return judge.OnPull(fmt.Sprintf("Couldn't register replica %s. Error: %d", name, code))
	}
}

// inTransaction is the refusal of a replication query inside BEGIN. The text is
// known word for word for 3.6.2 only; later releases mend its spelling.
func inTransaction(v judge.Version) judge.Refusal {
	switch {
	case v.Below(3, 1):
		return judge.OnRun("Replication clause not allowed in multicommand transactions.")
	case v.Is(3, 6, 2):
		return judge.OnRun("Managing replication is not allowed in multicommand transactions. A multicommand transaction, also known as an " +
			"explicit transaction, groups multiple commands into a single atomic operation. Instead, please use an implicit transaction, " +
			"also knwon as an auto committing transaction, in order to execute this particular query. " +
			"For more details, visit https://memgraph.com/docs")
	default:
		return judge.Refusal{
			At: client.AtRun, Code: judge.ClientError,
			Prefix: "Managing replication is not allowed in multicommand transactions. A multicommand transaction, also known as an explicit transaction",
		}
	}
}

// autoCommitCode is the code of a replication failure on PULL: drivers retry it
// before 3.8.
func autoCommitCode(v judge.Version) string {
	if v.Below(3, 8) {
		return judge.TransientError
	}
	return judge.ClientError
}

// failedSync is what a write answers on PULL when SYNC replica name has failed.
func failedSync(v judge.Version, name, reason string) judge.Refusal {
	return failed(v, client.AtPull, autoCommitCode(v), "SYNC", name, reason)
}

// failedSyncCommit is the same on COMMIT, where the code was never transient.
func failedSyncCommit(v judge.Version, name, reason string) judge.Refusal {
	return failed(v, client.AtCommit, judge.ClientError, "SYNC", name, reason)
}

// failedStrict is what a write answers on PULL when STRICT_SYNC replica name
// has failed.
func failedStrict(v judge.Version, name, reason string) judge.Refusal {
	return failed(v, client.AtPull, autoCommitCode(v), "STRICT_SYNC", name, reason)
}

func failedStrictCommit(v judge.Version, name, reason string) judge.Refusal {
	return failed(v, client.AtCommit, judge.ClientError, "STRICT_SYNC", name, reason)
}

// anySyncFailure demands the moment, the code and the stable fragment, for the
// cases in which several replicas fail at once.
func anySyncFailure(v judge.Version) judge.Refusal {
	r := judge.Refusal{At: client.AtPull, Code: autoCommitCode(v), Part: syncOld}
	if v.AtLeast(3, 10) {
		r.Part = "Transaction is still committed on the main instance"
	}
	return r
}

// anyStrictFailure is anySyncFailure for STRICT_SYNC.
func anyStrictFailure(v judge.Version) judge.Refusal {
	r := judge.Refusal{At: client.AtPull, Code: autoCommitCode(v), Part: strictOld}
	if v.AtLeast(3, 10) {
		r.Part = "Transaction was aborted on all instances"
	}
	return r
}

func failed(v judge.Version, at, code, mode, name, reason string) judge.Refusal {
	r := judge.Refusal{At: at, Code: code}
	old := syncOld
	if mode == "STRICT_SYNC" {
		old = strictOld
	}
	switch {
	case v.AtLeast(3, 10):
		r.Text = failureText(mode, name, reason)
	case v.Is(3, 6, 2): // recorded
		r.Text = old
	case v.Is(3, 9, 0): // read in source
		r.Text = "Replication Exception: " + old + checkStatus
	default:
		r.Part = old
	}
	return r
}

// failureText is the text of a failed commit since 3.10 (recorded on 3.12.0).
func failureText(mode, name, reason string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Replication Exception: Failed to replicate to %s replica '%s': %s. Replica will be recovered automatically.", mode, name, reason)
	if mode == "STRICT_SYNC" {
		b.WriteString(" Transaction was aborted on all instances.")
	} else {
		b.WriteString(" Transaction is still committed on the main instance and other alive replicas.")
	}
	if reason == timedOut {
		fmt.Fprintf(&b, " Main reached an RPC timeout while replicating to [%s]. One possible reason for this error is that the replica is down "+
			"and in that case make sure to recover it. If all of your replicas are up and running normally, then please try setting a smaller "+
			"parameter value for 'deltas_batch_progress_size' using 'SET COORDINATOR SETTING' query on the coordinator.", name)
	}
	return b.String() + checkStatus
}
