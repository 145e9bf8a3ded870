// Package cypher parses and executes the part of Memgraph's Cypher that tests,
// demos and benchmarks of a cluster need: nodes with labels and properties, and
// the statements that manage replication and storage.
//
// Queries about data become a *Query, which Execute runs on a Graph, streaming
// its rows. All other statements become values such as SetReplicationRole,
// which the caller executes. What lies outside the grammar below is refused
// with a *SyntaxError in the words of Memgraph's parser; what is known to
// Memgraph and missing here says so. A wrong answer is never given in place of
// an error.
//
// # Queries
//
//	query    = clause { clause } [ ";" ]
//	clause   = [ "OPTIONAL" ] "MATCH" nodes [ "WHERE" expr ]
//	         | "UNWIND" expr "AS" name
//	         | "WITH" body [ "WHERE" expr ]
//	         | "RETURN" body
//	         | "CREATE" nodes
//	         | "MERGE" node { "ON" ( "CREATE" | "MATCH" ) "SET" sets }
//	         | "SET" sets
//	         | "REMOVE" ( name "." key | name labels ) { "," ... }
//	         | [ "DETACH" ] "DELETE" expr { "," expr }
//	nodes    = node { "," node }
//	node     = "(" [ name ] [ labels ] [ map | parameter ] ")"
//	labels   = ":" name { ":" name }
//	sets     = set { "," set }
//	set      = name "." key "=" expr | name ( "=" | "+=" ) expr | name labels
//	body     = [ "DISTINCT" ] ( "*" | item ) { "," item }
//	           [ "ORDER" "BY" expr [ "ASC" | "DESC" ] { "," ... } ] [ "SKIP" expr ] [ "LIMIT" expr ]
//	item     = expr [ "AS" name ]
//
// As in Memgraph, MATCH and UNWIND cannot follow an update without a WITH
// between, and DETACH makes no difference, as there are no relationships.
//
// # Expressions
//
// By precedence, loosest first: OR; XOR; AND; NOT; = <> != < <= > >= (chained
// comparisons are joined by AND); + -; * / %; ^; unary + -; then [i], [i..j],
// IN, STARTS WITH, ENDS WITH, CONTAINS, IS [NOT] NULL, .key and :Label. Atoms
// are literals (null, booleans, integers in base 10, 16 and 8, floats,
// strings, lists, maps), parameters ($name), variables, CASE, parentheses and
// functions:
//
//   - aggregating: count(*), count, collect, sum, min, max, avg, each but the
//     first also with DISTINCT;
//   - of nodes: id, keys, labels, properties;
//   - of lists and texts: head, last, range, size, toLower, toUpper;
//   - of numbers: abs, ceil, floor, round, rand;
//   - others: coalesce, timestamp (microseconds), toBoolean, toFloat,
//     toInteger, toString.
//
// null follows Cypher's three-valued logic. Division by zero, an operator that
// does not know its operands' types and a deleted node that is looked at are
// errors.
//
// # Other statements
//
//	SHOW REPLICATION ROLE | REPLICAS | REPLICATION LAG | INSTANCE[S]
//	SET REPLICATION ROLE TO MAIN | SET REPLICATION ROLE TO REPLICA WITH PORT n
//	REGISTER REPLICA name ( SYNC | ASYNC | STRICT_SYNC ) TO "address"
//	DROP REPLICA name
//	SHOW VERSION | CONFIG | STORAGE INFO [ ON CURRENT DATABASE | ON DATABASE name ]
//	SHOW INDEX INFO | CONSTRAINT INFO | SNAPSHOTS | NEXT SNAPSHOT | METRICS [ INFO ] | LICENSE INFO
//	SHOW USERS | ACTIVE USERS INFO | DATABASES | [ CURRENT ] DATABASE
//	SHOW [ RUNNING | COMMITTING | ABORTING ] TRANSACTIONS
//	TERMINATE TRANSACTIONS id { "," id }
//	CREATE SNAPSHOT | FREE MEMORY | STORAGE MODE mode
//	( CREATE | DROP ) INDEX ON :Label [ "(" key { "," key } ")" ]
//	( CREATE | DROP ) CONSTRAINT ON "(" n ":" Label ")" ASSERT
//	    ( EXISTS "(" n.key ")" | n.key { "," n.key } IS UNIQUE | n.key IS TYPED type )
//	SET ( GLOBAL | SESSION | NEXT ) TRANSACTION ISOLATION LEVEL level
//
// and the statements of a coordinator, which become Coordination. Keywords are
// read in any case; names in backquotes may hold anything; // and /* */ are
// comments.
//
// # Promises
//
//   - Rows stream: UNWIND range(1, 1000000) needs no more memory than its rows
//     one at a time. ORDER BY, DISTINCT, aggregation, and projections after an
//     update hold what they must.
//   - A query that writes finds all nodes of a MATCH before it changes the
//     first, so that it never meets its own work; the Graph is never changed
//     while it is iterated over.
//   - An index is used for equality with and membership in values known
//     before, from patterns and from WHERE (see PropertyIndex).
//   - A query ends soon after its context does, with the context's cause.
//   - No text makes the parser panic or exhaust the stack.
package cypher
