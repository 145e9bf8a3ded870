package memgraph

import (
	"strings"
	"testing"

	"github.com/neo4j/neo4j-go-driver/v5/neo4j"
)

// The messages as recorded on 3.6.2 and 3.12.0, or read in the source of the
// version named.
func TestClassifyRecordedTexts(t *testing.T) {
	const advice = " Check the status of the replicas using 'SHOW REPLICAS' query."
	for _, c := range []struct {
		message string
		want    meaning
	}{
		{"Couldn't set replication role to main!", roleStays},
		{"Couldn't set role to replica!", roleStays},
		{"Show replicas query should only be run on the main instance.", notMain},
		{"Replica can't show registered replicas (it shouldn't have any)!", notMain}, // 2.19 to 3.0
		{"Replica can't register another replica!", notMain},
		{"Replica can't unregister a replica! Please rerun the query on main in order to unregister a replica from the cluster.", notMain},
		{"Replica can't unregister a replica!", notMain}, // 2.19 to 3.0
		{"Write queries are forbidden on the replica instance. Replica instances accept only read queries, while the main instance accepts read and write queries. Please retry your query on the main instance.", notMain},
		{"Write query forbidden on the replica!", notMain}, // 2.19 to 3.0
		{"Queries on replica shouldn't write.", notMain},
		{"Cannot commit because instance is not main anymore.", notMain},
		{"Failed to unregister replica due to lack of unique access over the cluster state. Please try again later on.", lockTaken},
		{"Couldn't get unique access to replication state!", lockTaken}, // 2.21 to 3.0
		{"Multiple concurrent system queries are not supported.", systemQueryBusy},
		{"Failed to unregister the replica nope.", unregistered},
		{"Couldn't unregister the replica nope.", unregistered},  // 2.20 to 3.0
		{"Couldn't unregister the replica 'nope'", unregistered}, // 2.19
		{"Couldn't register replica 'b'!", registerFailed},       // 2.19
		{"Couldn't register replica b.", registerFailed},         // 2.20 to 3.4
		{"Couldn't register replica rc. Error: 1", nameExists},
		{"Couldn't register replica rc2. Error: 2", endpointExists},
		{"Couldn't register replica c. Error: 3", diverged},
		{"Couldn't register replica hole. Error: 5", notAccepting},
		{"Couldn't register replica c. Error: 6", registerBusy},
		{"At least one SYNC replica has not confirmed committing last transaction.", notReplicated},
		{"Replication Exception: At least one SYNC replica has not confirmed committing last transaction." + advice, notReplicated}, // 3.9
		{"At least one STRICT_SYNC replica has not confirmed committing last transaction. Transaction will be aborted on all instances.", notReplicated},
		{"Replication Exception: Failed to replicate to STRICT_SYNC replica 'b': RPC timeout while replicating. Replica will be recovered automatically. Transaction was aborted on all instances. Main reached an RPC timeout while replicating to [b].", notReplicated},
		{"Replication Exception: Failed to replicate to SYNC replicas 'a' and 'b': replicas are not reachable or not in sync with the main. Replicas will be recovered automatically. Transaction is still committed on the main instance and other alive replicas." + advice, notReplicated},
		{"Port number invalid!", noMeaning},
		{"Failed to create a snapshot. Replica instances are not allowed to create them.", noMeaning},
		{"Coordinator was not initialized as coordinator port, coordinator id or management port were not set.", noMeaning},
		{"", noMeaning},
	} {
		for _, code := range []string{clientError, "Memgraph.TransientError.MemgraphError.MemgraphError"} {
			if got := classify(code, c.message); got != c.want {
				t.Errorf("classify(%q) = %d, want %d", c.message, got, c.want)
			}
		}
	}
	if got := classify("Memgraph.ClientError.Security.Unauthenticated", "whatever"); got != badLogin {
		t.Errorf("login failure = %d", got)
	}
}

func TestEveryPhraseHasASourceAndIsReachable(t *testing.T) {
	for _, p := range phrases {
		if p.source == "" {
			t.Errorf("%q has no source", p.text)
		}
		if got := classify(clientError, "x "+p.text+" y"); got != p.means {
			t.Errorf("%q means %d, is read as %d: an earlier phrase hides it", p.text, p.means, got)
		}
	}
}

func FuzzClassify(f *testing.F) {
	f.Add("Couldn't register replica b. Error: 3")
	f.Add("Couldn't register replica Error: 3. Error: ")
	f.Fuzz(func(t *testing.T, message string) {
		if failureOf(classify(clientError, message)) == 0 {
			t.Error("an error is no failure")
		}
		if fault := faultOf(&neo4j.Neo4jError{Code: clientError, Msg: message}, "u"); strings.TrimSpace(fault) == "" {
			t.Error("a fault says nothing")
		}
	})
}
