// Package bolt serves the Bolt protocol the way Memgraph does.
package bolt
