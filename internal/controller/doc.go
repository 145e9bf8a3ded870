// Package controller is the loop that keeps a cluster as its record promises:
// observe, decide, record, act, publish.
//
// It decides nothing itself: package cluster does. It observes all nodes at
// once, each on its own schedule, so that one that does not answer delays
// nobody; it writes the record before it acts (P3); and it takes one step at a
// time, on one goroutine, looking at the node again after each. Whatever else
// happens in the process can only kick it to look sooner.
//
// A Loop serves one term and remembers nothing of earlier ones. It starts no
// step once its lease has ended (P8), and it cannot write over another leader's
// record, because every write is a compare-and-swap and every term begins with
// one.
//
// It will not retry inside a step, hide an error from the decision, or log
// while nothing changes.
package controller
