// Package sandbox runs a highly available Memgraph cluster on one machine,
// without Kubernetes and without root: database servers as child processes,
// controllers with their gateways in this process, and the record and the lease
// in memory.
//
// It is built from the same rooms as the controller: what differs is who starts
// servers (package nodes instead of a kubelet) and where the record is kept. So
// what is seen here is what a cluster does.
//
// # Promises
//
//   - Everything listens on the loopback interface only, but for the replication
//     port of a real Memgraph, which chooses for itself.
//   - Each controller serves its HTTP API and dashboard, and they end with it.
//   - When Run returns, every server has ended and every port is closed.
//   - With Options.Dir the data and the record survive: the next sandbox on the
//     directory goes on where this one ended. Without it nothing is left, unless
//     the sandbox is killed: then its servers end, and its directory stays.
//
// # What it will not do
//
// It protects against no failure of the machine it runs on: it is for trying
// out, demonstrating and measuring. It is not a way to run a database.
package sandbox
