// Package cypher parses and executes the part of Cypher that Memgraph's tests,
// demos and benchmarks need.
package cypher
