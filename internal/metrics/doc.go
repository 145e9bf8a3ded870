// Package metrics is what a controller replica tells Prometheus.
//
// What a replica is, knows and sees is read from its Status when somebody
// scrapes; only events are counted as they happen: passes, steps and records of
// the loop, turns of reign, holds of the gateway, requests to the API server. A
// replica that nobody scrapes pays a few additions a second.
//
// # Promises
//
//   - Names, labels and units stay; docs/metrics.md lists all of them.
//   - A series that only the leader can know is there only while this replica
//     leads, so that sums and maxima over all replicas are true. Counters of what
//     a replica itself has done are there always, from zero on.
//   - The number of series is bounded by the configuration: no label has a value
//     that a client, a query or an error text could choose.
//   - A scrape waits for nothing and asks nobody.
//
// It keeps a registry of its own and leaves the global one alone; only client-go's
// hook for counting requests is global, because client-go has no other. It does not
// push, and it does not say what is alarming: the chart's rules do.
package metrics
