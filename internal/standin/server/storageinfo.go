package server

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"

	"memgraph-controller/internal/standin/bolt"
	"memgraph-controller/internal/standin/cypher"
)

// showStorageInfo prepares SHOW STORAGE INFO. It starts no transaction and so answers while the
// node is stalled.
func (s *session) showStorageInfo(stmt cypher.ShowStorageInfo, text string) (bolt.Result, error) {
	scoped := stmt.Current || stmt.Database != ""
	switch {
	case scoped && !s.in.version.since(3, 11):
		return nil, syntaxError(text, "ON ", "mismatched input 'ON' expecting <EOF>")
	case stmt.Database != "" && stmt.Database != databaseName:
		return refused(bolt.ClientError(fmt.Sprintf("Database \"%s\" does not exist.", stmt.Database))), nil
	}
	describe := s.in.describeInstance
	if scoped {
		describe = s.in.describeDatabase
	} else if !s.in.version.since(3, 11) {
		describe = s.in.describeBoth
	}
	return &lazy{fields: []string{"storage info", "value"}, work: func(context.Context) (answer, error) {
		return answer{rows: describe()}, nil
	}}, nil
}

// mode is the storage mode.
func (in *Instance) mode() string {
	if in.engine.Analytical() {
		return "IN_MEMORY_ANALYTICAL"
	}
	return "IN_MEMORY_TRANSACTIONAL"
}

// describeBoth is SHOW STORAGE INFO before 3.11 (recorded on 3.6.2).
func (in *Instance) describeBoth() [][]any {
	rows := [][]any{{"name", databaseName}}
	if in.version.since(3, 5) {
		rows = append(rows, []any{"database_uuid", in.engine.UUID()})
	}
	rows = append(rows, [][]any{
		{"vertex_count", in.engine.Nodes()},
		{"edge_count", int64(0)},
		{"average_degree", 0.0},
		{"vm_max_map_count", mapCount()},
		{"memory_res", size(resident())},
		{"peak_memory_res", size(resident())},
		{"unreleased_delta_objects", int64(0)},
		{"disk_usage", size(in.engine.DiskUsage())},
		{"memory_tracked", size(0)},
		{"allocation_limit", size(in.memoryLimit())},
	}...)
	if in.version.since(3, 9) {
		rows = append(rows, []any{"graph_memory_tracked", size(0)}, []any{"vector_index_memory_tracked", size(0)})
	}
	return append(rows, [][]any{
		{"global_isolation_level", "SNAPSHOT_ISOLATION"},
		{"session_isolation_level", ""},
		{"next_session_isolation_level", ""},
		{"storage_mode", in.mode()},
	}...)
}

// describeInstance is SHOW STORAGE INFO since 3.11 (recorded on 3.12.0).
func (in *Instance) describeInstance() [][]any {
	return [][]any{
		{"vm_max_map_count", mapCount()},
		{"memory_res", size(resident())},
		{"peak_memory_res", size(resident())},
		{"disk_usage", size(in.engine.DiskUsage())},
		{"memory_tracked", size(0)},
		{"memory_limit", size(in.memoryLimit())},
		{"license_memory_limit", "unlimited"},
		{"query+graph_memory_tracked", size(0)},
		{"vector_index_memory_tracked", size(0)},
		{"global_isolation_level", "SNAPSHOT_ISOLATION"},
		{"session_isolation_level", ""},
		{"next_session_isolation_level", ""},
		{"global_storage_mode", in.mode()},
	}
}

// describeDatabase is SHOW STORAGE INFO ON … (recorded on 3.12.0).
func (in *Instance) describeDatabase() [][]any {
	return [][]any{
		{"name", databaseName},
		{"database_uuid", in.engine.UUID()},
		{"state", "HOT"},
		{"storage_mode", in.mode()},
		{"vertex_count", in.engine.Nodes()},
		{"edge_count", int64(0)},
		{"average_degree", 0.0},
		{"unreleased_delta_objects", int64(0)},
		{"disk_usage", size(in.engine.DiskUsage())},
		{"graph_memory_tracked", size(0)},
		{"query_memory_tracked", size(0)},
		{"vector_index_memory_tracked", size(0)},
		{"tenant_memory_tracked", size(0)},
		{"tenant_peak_memory_tracked", size(0)},
		{"tenant_memory_limit", size(in.memoryLimit())},
		{"storage_isolation_level", "SNAPSHOT_ISOLATION"},
		{"health", "ready"},
	}
}

// memoryLimit is what Memgraph allows itself: nine tenths of the machine's memory.
func (in *Instance) memoryLimit() int64 {
	if in.opts.MemoryLimit > 0 {
		return in.opts.MemoryLimit
	}
	for line := range strings.Lines(readProc("/proc/meminfo")) {
		if f := strings.Fields(line); len(f) > 1 && f[0] == "MemTotal:" {
			return number(f[1]) * 1024 / 10 * 9
		}
	}
	return 0
}

// resident is the memory this process occupies, or 0 where that is not known.
func resident() int64 {
	f := strings.Fields(readProc("/proc/self/statm"))
	if len(f) < 2 {
		return 0
	}
	return number(f[1]) * int64(os.Getpagesize())
}

func mapCount() int64 { return number(strings.TrimSpace(readProc("/proc/sys/vm/max_map_count"))) }

// readProc returns a file of /proc, or nothing where there is none.
func readProc(path string) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return string(b)
}

func number(text string) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// size words a number of bytes as Memgraph does: 474B, 84.67KiB.
func size(n int64) string {
	if n < 1024 {
		return fmt.Sprintf("%dB", n)
	}
	f, unit := float64(n), 0
	for f >= 1024 && unit < 4 {
		f /= 1024
		unit++
	}
	return fmt.Sprintf("%.2f%s", f, [...]string{"B", "KiB", "MiB", "GiB", "TiB"}[unit])
}
