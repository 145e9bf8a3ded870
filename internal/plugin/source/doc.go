// Package source reads a cluster from the API server: which releases there are, and
// what is known of one, the leader's status included, through the pod proxy.
//
// It promises two round trips, each in parallel and bounded, no discovery, and that
// what it may not read is told with the right that is missing instead of failing the
// rest. It writes nothing.
package source
