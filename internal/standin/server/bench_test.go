package server

import (
	"testing"

	"github.com/neo4j/neo4j-go-driver/v5/neo4j"

	"memgraph-controller/internal/standin/replication"
)

// BenchmarkStrictSyncCommit is one writer, one statement a transaction, one STRICT_SYNC and one
// ASYNC replica.
func BenchmarkStrictSyncCommit(b *testing.B) {
	real := func(o *Options) { o.Timing = replication.Timing{}; o.CheckEvery = 1e9 }
	main, strict, async := newBox(b, "3.12.0", real), newBox(b, "3.12.0", real).demote(), newBox(b, "3.12.0", real).demote()
	main.register("b", "STRICT_SYNC", strict)
	main.register("c", "ASYNC", async)
	session := main.driver.NewSession(b.Context(), neo4j.SessionConfig{})
	defer session.Close(b.Context())
	b.ResetTimer()
	for i := range b.N {
		result, err := session.Run(b.Context(), "CREATE (:B {i: $i})", map[string]any{"i": i})
		if err == nil {
			_, err = result.Consume(b.Context())
		}
		if err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "commits/s")
}
