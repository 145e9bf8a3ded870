// Package api is what a controller replica tells over HTTP: whether it lives and
// is ready, how the cluster stands as it knows it and why, who leads, which reigns
// there were, how it sees a node when another replica asks, and the metrics and the
// page that it is given. openapi.yaml describes every answer.
//
// # Promises
//
//   - Every replica answers everything. What only the leader knows is absent or
//     null elsewhere, never guessed.
//   - Names of fields stay, those of earlier deployments included (earlier.go).
//   - An answer waits for nothing and asks nobody, but for an opinion, which costs a
//     look at a node. A stream tells a change within 250 ms of the watch of the
//     record, the latest state instead of each, and holds up nobody.
//
// # What it will not do
//
// It only reads. Whoever wants something changed asks through the record's
// ConfigMap, where the API server authenticates, authorises and audits it.
package api
