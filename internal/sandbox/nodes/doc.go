// Package nodes keeps the database servers of a sandbox running, as a kubelet
// does on Kubernetes: it starts each one as a child process, notices its end at
// once, and starts it again after a delay that grows while it crash-loops.
//
// # Promises
//
//   - A child never outlives the sandbox: it runs in a process group of its own
//     that is ended with it, and the kernel kills it when the sandbox dies,
//     however that happens.
//   - State answers from memory. Every change is announced by Options.Changed.
//   - A data directory is never deleted to make room for a new one. It is moved
//     aside, and the newest Keep copies of each kind are kept (P6).
//   - A log that has grown above 10 MiB is put aside at the next start, and one old
//     one is kept.
//   - Run returns after every child has been reaped.
//
// # What it will not do
//
// It does not know what the servers are, nor what they say: roles, records and
// replication are the business of others. It restarts whatever ends, for ever;
// whether that helps is for the reader of the log to judge.
package nodes
