package server

import (
	"errors"
	"fmt"
	"strings"

	"memgraph-controller/internal/standin/bolt"
	"memgraph-controller/internal/standin/replication"
	"memgraph-controller/internal/standin/storage"
)

// Texts that are the same in all releases.
const (
	textPromote       = "Couldn't set replication role to main!"
	textDemote        = "Couldn't set role to replica!"
	textPort          = "Port number invalid!"
	textReplicaRegs   = "Replica can't register another replica!"
	textConcurrent    = "Multiple concurrent system queries are not supported."
	textNotMain       = "Cannot commit because instance is not main anymore."
	textConstraint    = "Queries on replica shouldn't write." // of constraints (recorded on 3.6.2)
	textSerialization = "Cannot resolve conflicting transactions. You can retry this transaction when the conflicting transaction is finished."
	textKilled        = "Transaction was asked to abort by another user."
	textTimeout       = "Transaction was asked to abort because of transaction timeout."
	textAnalytical    = "Replication query requires IN_MEMORY_TRANSACTIONAL mode."
	textSnapshot      = "Failed to create a snapshot. Replica instances are not allowed to create them."
	textCoordinator   = "Coordinator was not initialized as coordinator port, coordinator id or management port were not set."
	textEnterprise    = "Query is part of the Enterprise feature. In order to run it, you need an Enterprise license."
	textLicense       = "Trying to use enterprise feature without a valid license."
	textAddressNumber = "Couldn't parse string" // of an address (recorded on 3.6.2)
	checkReplicas     = " Check the status of the replicas using 'SHOW REPLICAS' query."
	replicationPrefix = "Replication Exception: "
)

// writeForbidden refuses writes on a REPLICA.
func (v Version) writeForbidden() error {
	if !v.since(3, 1) {
		return bolt.ClientError("Write query forbidden on the replica!")
	}
	return bolt.ClientError("Write queries are forbidden on the replica instance. Replica instances accept only read queries, while the main instance accepts read and write queries. Please retry your query on the main instance.")
}

// inTransaction refuses replication queries between BEGIN and COMMIT. The misspelt words are
// Memgraph's own, and not the same everywhere.
func (v Version) inTransaction() error {
	if !v.since(3, 1) {
		return bolt.ClientError("Replication clause not allowed in multicommand transactions.")
	}
	also, particular := "known", "particularquery"
	if !v.since(3, 8) {
		also, particular = "knwon", "particular query"
	}
	return bolt.ClientError("Managing replication is not allowed in multicommand transactions. A multicommand transaction, also known as an explicit transaction, groups multiple commands into a single atomic operation. Instead, please use an implicit transaction, also " +
		also + " as an auto committing transaction, in order to execute this " + particular + ". For more details, visit https://memgraph.com/docs")
}

// showReplicas refuses SHOW REPLICAS on a REPLICA.
func (v Version) showReplicas() error {
	if !v.since(3, 1) {
		return bolt.ClientError("Replica can't show registered replicas (it shouldn't have any)!")
	}
	return bolt.ClientError("Show replicas query should only be run on the main instance.")
}

// register words a failed REGISTER.
func (v Version) register(name string, err error) error {
	if errors.Is(err, replication.ErrReplica) {
		return bolt.ClientError(textReplicaRegs)
	}
	var failed *replication.RegisterError
	switch {
	case !errors.As(err, &failed):
		return err
	case v.since(3, 5):
		return bolt.ClientError(fmt.Sprintf("Couldn't register replica %s. Error: %d", name, failed.Code))
	case v.since(2, 20):
		return bolt.ClientError(fmt.Sprintf("Couldn't register replica %s.", name))
	}
	return bolt.ClientError(fmt.Sprintf("Couldn't register replica '%s'!", name))
}

// address refuses an address that is none.
func (v Version) address() error {
	if !v.since(3, 1) {
		return bolt.ClientError("Invalid socket address!")
	}
	return bolt.ClientError("Invalid socket address. The socket address must be a string defining the address and port, delimited by a single colon. The address must be valid and the port must be an integer.")
}

// drop words a failed DROP.
func (v Version) drop(name string, err error) error {
	switch {
	case errors.Is(err, replication.ErrReplica) && v.since(3, 1):
		return bolt.ClientError("Replica can't unregister a replica! Please rerun the query on main in order to unregister a replica from the cluster.")
	case errors.Is(err, replication.ErrReplica):
		return bolt.ClientError("Replica can't unregister a replica!")
	case errors.Is(err, replication.ErrBusy) && v.since(3, 1):
		return bolt.ClientError("Failed to unregister replica due to lack of unique access over the cluster state. Please try again later on.")
	case errors.Is(err, replication.ErrBusy):
		return bolt.ClientError("Couldn't get unique access to replication state!")
	case !errors.Is(err, replication.ErrUnknown):
		return err
	case v.since(3, 1):
		return bolt.ClientError(fmt.Sprintf("Failed to unregister the replica %s.", name))
	case v.since(2, 20):
		return bolt.ClientError(fmt.Sprintf("Couldn't unregister the replica %s.", name))
	}
	return bolt.ClientError(fmt.Sprintf("Couldn't unregister the replica '%s'", name))
}

// commit words a failed commit. auto says that it was that of an auto-commit statement, which
// before 3.8 drivers are told to retry.
func (v Version) commit(err error, auto bool) error {
	var shipping *replication.ShipError
	switch {
	case errors.As(err, &shipping):
		text := v.notConfirmed(shipping)
		if auto && !v.since(3, 8) {
			return bolt.TransientError(text)
		}
		return bolt.ClientError(text)
	case errors.Is(err, replication.ErrNotMain):
		return bolt.ClientError(textNotMain)
	}
	return dataError(err)
}

// dataError words an error of the storage.
func dataError(err error) error {
	var violation *storage.ViolationError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, storage.ErrSerialization):
		return bolt.TransientError(textSerialization)
	case errors.As(err, &violation):
		return bolt.ClientError(commitViolation(violation))
	}
	return err
}

// notConfirmed says that replicas did not confirm a commit, and what became of it.
func (v Version) notConfirmed(e *replication.ShipError) string {
	if v.since(3, 10) {
		return v.notConfirmedByName(e)
	}
	text := "At least one SYNC replica has not confirmed committing last transaction."
	if e.Strict {
		text = "At least one STRICT_SYNC replica has not confirmed committing last transaction. Transaction will be aborted on all instances."
	}
	if v.since(3, 6) && !v.since(3, 8) {
		return text // recorded on 3.6.2
	}
	return replicationPrefix + text + checkReplicas
}

// notConfirmedByName is the text since 3.10, one sentence for each reason.
func (v Version) notConfirmedByName(e *replication.ShipError) string {
	mode, outcome := "SYNC", "Transaction is still committed on the main instance and other alive replicas."
	if e.Strict {
		mode, outcome = "STRICT_SYNC", "Transaction was aborted on all instances."
	}
	var b strings.Builder
	b.WriteString(replicationPrefix)
	var late []string
	for _, reason := range []replication.Reason{
		replication.NotInSync, replication.RPCLock, replication.RPCError, replication.HasDiverged, replication.RPCTimeout,
	} {
		var names []string
		for _, f := range e.Failures {
			if f.Reason == reason {
				names = append(names, f.Replica)
			}
		}
		if len(names) == 0 {
			continue
		}
		if reason == replication.RPCTimeout {
			late = names
		}
		noun, again := "replica", "Replica"
		if len(names) > 1 {
			noun, again = "replicas", "Replicas"
		}
		fmt.Fprintf(&b, "Failed to replicate to %s %s %s: %s. %s will be recovered automatically. ",
			mode, noun, quoted(names), reasonText(reason, len(names) > 1), again)
	}
	b.WriteString(outcome)
	if late != nil {
		fmt.Fprintf(&b, " Main reached an RPC timeout while replicating to [%s]. One possible reason for this error is that the replica is down and in that case make sure to recover it. If all of your replicas are up and running normally, then please try setting a smaller parameter value for 'deltas_batch_progress_size' using 'SET COORDINATOR SETTING' query on the coordinator.",
			strings.Join(late, ", "))
	}
	b.WriteString(checkReplicas)
	return b.String()
}

func reasonText(r replication.Reason, several bool) string {
	switch r {
	case replication.NotInSync:
		if several {
			return "replicas are not reachable or not in sync with the main"
		}
		return "replica is not reachable or not in sync with the main"
	case replication.RPCLock:
		return "failed to obtain RPC lock (another transaction is in progress)"
	case replication.HasDiverged:
		return "replica has diverged from main"
	case replication.RPCTimeout:
		return "RPC timeout while replicating"
	}
	return "RPC communication error"
}

// quoted lists names as 'a', 'b' and 'c'.
func quoted(names []string) string {
	list := make([]string, len(names))
	for i, n := range names {
		list[i] = "'" + n + "'"
	}
	if len(list) == 1 {
		return list[0]
	}
	return strings.Join(list[:len(list)-1], ", ") + " and " + list[len(list)-1]
}

// commitViolation words a commit that breaks a constraint.
func commitViolation(e *storage.ViolationError) string {
	on := fmt.Sprintf(":%s(%s)", e.Label, strings.Join(e.Properties, ", "))
	switch e.Rule {
	case storage.RuleUnique:
		return "Unable to commit due to unique constraint violation on " + on
	case storage.RuleDataType:
		return "Unable to commit due to data type constraint violation on " + on
	}
	return "Unable to commit due to existence constraint violation on " + on
}

// creationViolation words a constraint that the data break.
func creationViolation(e *storage.ViolationError) string {
	kind := map[storage.Rule]string{
		storage.RuleUnique: "unique", storage.RuleExists: "existence", storage.RuleDataType: "data type",
	}[e.Rule]
	return fmt.Sprintf("Unable to create %s constraint :%s(%s), because an existing node violates it.",
		kind, e.Label, strings.Join(e.Properties, ", "))
}
