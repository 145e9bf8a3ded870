// Package problem is what can go wrong with a command of kubectl-memgraph: the
// exit code that scripts go by, and the API server's refusals in words that name
// the verb, the object and the next step.
//
// It promises that an error it has explained still unwraps to the original. It asks
// nothing and prints nothing.
package problem
