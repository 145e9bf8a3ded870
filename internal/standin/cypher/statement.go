package cypher

// Kind tells what a statement needs from the server.
type Kind int

// Kinds of statements.
const (
	Read   Kind = iota + 1 // a *Query that changes nothing
	Write                  // a *Query that may change data: refused on a replica
	System                 // any other statement: the server executes it
)

// Statement is a parsed statement: a *Query or one of the system statements
// of this package (values, not pointers).
type Statement interface {
	Kind() Kind
}

// Mode is a replication mode as Memgraph writes it in SHOW REPLICAS.
type Mode string

// Replication modes.
const (
	Sync       Mode = "sync"
	Async      Mode = "async"
	StrictSync Mode = "strict_sync"
)

// system gives a statement its Kind.
type system struct{}

// Kind returns System.
func (system) Kind() Kind { return System }

// Replication statements.
type (
	// ShowReplicationRole is SHOW REPLICATION ROLE.
	ShowReplicationRole struct{ system }
	// ShowReplicas is SHOW REPLICAS.
	ShowReplicas struct{ system }
	// SetReplicationRole is SET REPLICATION ROLE TO MAIN, or TO REPLICA WITH
	// PORT n. Port is 0 for MAIN and not yet checked for its range.
	SetReplicationRole struct {
		system
		Main bool
		Port int64
	}
	// RegisterReplica is REGISTER REPLICA name mode TO "address". Address is
	// not yet checked.
	RegisterReplica struct {
		system
		Name    string
		Mode    Mode
		Address string
	}
	// DropReplica is DROP REPLICA name.
	DropReplica struct {
		system
		Name string
	}
	// Coordination is a statement only a coordinator executes: SHOW
	// REPLICATION LAG, SHOW INSTANCES, SET INSTANCE ... TO MAIN and the like.
	// Text is its words in capitals.
	Coordination struct {
		system
		Text string
	}
)

// Statements about the server and its storage.
type (
	// ShowVersion is SHOW VERSION.
	ShowVersion struct{ system }
	// ShowStorageInfo is SHOW STORAGE INFO [ON CURRENT DATABASE | ON DATABASE
	// name]. Plain: both fields zero.
	ShowStorageInfo struct {
		system
		Current  bool
		Database string
	}
	// ShowConfig is SHOW CONFIG.
	ShowConfig struct{ system }
	// ShowIndexInfo is SHOW INDEX INFO (or SHOW INDEXES).
	ShowIndexInfo struct{ system }
	// ShowConstraintInfo is SHOW CONSTRAINT INFO (or SHOW CONSTRAINTS).
	ShowConstraintInfo struct{ system }
	// ShowTransactions is SHOW [RUNNING|COMMITTING|ABORTING] TRANSACTIONS;
	// State is "", "running", "committing" or "aborting".
	ShowTransactions struct {
		system
		State string
	}
	// TerminateTransactions is TERMINATE TRANSACTIONS id, .... An element of
	// IDs is a text, or the name of a parameter that holds it.
	TerminateTransactions struct {
		system
		IDs []TextOrParameter
	}
	// TextOrParameter is a text, or a parameter when Parameter is not empty.
	TextOrParameter struct {
		Text      string
		Parameter string
	}
	// CreateSnapshot is CREATE SNAPSHOT.
	CreateSnapshot struct{ system }
	// ShowSnapshots is SHOW SNAPSHOTS.
	ShowSnapshots struct{ system }
	// ShowNextSnapshot is SHOW NEXT SNAPSHOT.
	ShowNextSnapshot struct{ system }
	// ShowMetrics is SHOW METRICS [INFO].
	ShowMetrics struct{ system }
	// ShowLicenseInfo is SHOW LICENSE INFO.
	ShowLicenseInfo struct{ system }
	// ShowUsers is SHOW USERS.
	ShowUsers struct{ system }
	// ShowActiveUsersInfo is SHOW ACTIVE USERS INFO.
	ShowActiveUsersInfo struct{ system }
	// ShowDatabases is SHOW DATABASES.
	ShowDatabases struct{ system }
	// ShowDatabase is SHOW DATABASE (or SHOW CURRENT DATABASE).
	ShowDatabase struct{ system }
	// StorageMode is STORAGE MODE mode; Mode is IN_MEMORY_TRANSACTIONAL,
	// IN_MEMORY_ANALYTICAL or ON_DISK_TRANSACTIONAL.
	StorageMode struct {
		system
		Mode string
	}
	// FreeMemory is FREE MEMORY.
	FreeMemory struct{ system }
	// SetIsolationLevel is SET GLOBAL|SESSION|NEXT TRANSACTION ISOLATION
	// LEVEL level. Scope is "GLOBAL", "SESSION" or "NEXT", Level such as
	// "SNAPSHOT_ISOLATION".
	SetIsolationLevel struct {
		system
		Scope string
		Level string
	}
)

// Schema statements. They change data's description, so a replica refuses
// them like writes (their Kind is System all the same; see ChangesSchema).
type (
	// CreateIndex is CREATE INDEX ON :Label[(property, ...)].
	CreateIndex struct {
		system
		Label      string
		Properties []string // empty: an index on the label
	}
	// DropIndex is DROP INDEX ON :Label[(property, ...)].
	DropIndex struct {
		system
		Label      string
		Properties []string
	}
	// Constraint describes a constraint. Rule is "exists", "unique" or
	// "data_type"; DataType is set for the last, such as "STRING".
	Constraint struct {
		Rule       string
		Label      string
		Properties []string
		DataType   string
	}
	// CreateConstraint is CREATE CONSTRAINT ON (n:L) ASSERT ....
	CreateConstraint struct {
		system
		Constraint
	}
	// DropConstraint is DROP CONSTRAINT ON (n:L) ASSERT ....
	DropConstraint struct {
		system
		Constraint
	}
)

// ChangesSchema reports whether s creates or drops an index or a constraint.
func ChangesSchema(s Statement) bool {
	switch s.(type) {
	case CreateIndex, DropIndex, CreateConstraint, DropConstraint:
		return true
	}
	return false
}

// IsReplication reports whether s is one of the statements Memgraph refuses
// inside explicit transactions with its replication text.
func IsReplication(s Statement) bool {
	switch s.(type) {
	case ShowReplicationRole, ShowReplicas, SetReplicationRole, RegisterReplica, DropReplica:
		return true
	}
	return false
}
