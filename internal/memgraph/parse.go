package memgraph

import (
	"fmt"
	"log/slog"
	"math"
	"strings"
	"sync"

	"memgraph-controller/internal/cluster"
)

// vocabulary reads SHOW REPLICAS and reports, once each, the words it does not
// know.
type vocabulary struct {
	log      *slog.Logger
	topology cluster.Topology

	mu    sync.Mutex
	heard map[string]bool
}

// maxHeard bounds what a server that invents words can make us keep and log.
const maxHeard = 32

func (v *vocabulary) unknown(column, word string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	key := column + " " + word
	if v.heard[key] || len(v.heard) >= maxHeard {
		return
	}
	if v.heard == nil {
		v.heard = map[string]bool{}
	}
	v.heard[key] = true
	v.log.Warn("unknown word in show replicas", "column", column, "word", word)
}

// roleError reports a role that is neither main nor replica.
type roleError struct{ said any }

func (e roleError) Error() string { return fmt.Sprintf("its replication role is %#v", e.said) }

// parseRole reads SHOW REPLICATION ROLE. The same since 2.16.
func parseRole(rows []map[string]any) (cluster.Role, error) {
	if len(rows) != 1 {
		return cluster.RoleUnknown, roleError{}
	}
	switch said := rows[0]["replication role"]; said {
	case "main":
		return cluster.RoleMain, nil
	case "replica":
		return cluster.RoleReplica, nil
	default:
		return cluster.RoleUnknown, roleError{said: said}
	}
}

// replicas reads SHOW REPLICAS: name, socket_address, sync_mode, system_info,
// data_info from 2.16 on; before, each row had state,
// current_timestamp_of_replica and number_of_timestamp_behind_master itself.
func (v *vocabulary) replicas(rows []map[string]any) []cluster.Replica {
	list := make([]cluster.Replica, 0, len(rows))
	for _, row := range rows {
		r := cluster.Replica{Mode: v.mode(row["sync_mode"])}
		r.Name, _ = row["name"].(string)
		r.Address, _ = row["socket_address"].(string)
		r.Node = v.topology.Find(r.Name, r.Address)
		if info, ok := row["data_info"]; ok {
			v.dataInfo(&r, info)
		} else {
			v.state(&r, row["state"], row["current_timestamp_of_replica"], row["number_of_timestamp_behind_master"])
		}
		list = append(list, r)
	}
	return list
}

// dataInfo reads {database: {ts, behind, status}} into r. An empty map is a
// ghost. Of several databases "memgraph" counts, without it the worst.
func (v *vocabulary) dataInfo(r *cluster.Replica, info any) {
	databases, ok := info.(map[string]any)
	if !ok {
		return
	}
	if len(databases) == 0 {
		r.Ghost = true
		return
	}
	if one, ok := databases["memgraph"]; ok {
		v.database(r, one)
		return
	}
	first := true
	for _, one := range databases {
		candidate := *r
		v.database(&candidate, one)
		if first || worse(candidate, *r) {
			*r = candidate
		}
		first = false
	}
}

func (v *vocabulary) database(r *cluster.Replica, one any) {
	fields, _ := one.(map[string]any)
	v.state(r, fields["status"], fields["ts"], fields["behind"])
}

// state fills Status, TS and Behind. A replica whose distance cannot be read is
// not known to be ready, whatever it is called.
func (v *vocabulary) state(r *cluster.Replica, status, ts, behind any) {
	r.Status = v.status(status)
	r.TS, _ = integer(ts)
	var ok bool
	if r.Behind, ok = integer(behind); !ok {
		r.Status = cluster.StatusUnknown
	}
}

// severity orders states from the best to the worst.
var severity = map[cluster.Status]int{
	cluster.Ready: 0, cluster.Replicating: 1, cluster.Recovering: 2,
	cluster.Invalid: 3, cluster.StatusUnknown: 4, cluster.Diverged: 5,
}

// worse reports whether a is in a worse state than b; being ahead is worse than
// any lag.
func worse(a, b cluster.Replica) bool {
	if a.Status != b.Status {
		return severity[a.Status] > severity[b.Status]
	}
	if a.Behind > 0 || b.Behind > 0 {
		return a.Behind > b.Behind
	}
	if a.Behind != b.Behind {
		return a.Behind < b.Behind
	}
	return a.TS < b.TS
}

func (v *vocabulary) mode(value any) cluster.Mode {
	word, _ := value.(string)
	switch strings.ToLower(word) {
	case "async":
		return cluster.Async
	case "sync":
		return cluster.Sync
	case "strict_sync":
		return cluster.StrictSync
	}
	v.unknown("sync_mode", word)
	return cluster.ModeUnknown
}

func (v *vocabulary) status(value any) cluster.Status {
	word, _ := value.(string)
	switch strings.ToLower(word) {
	case "ready":
		return cluster.Ready
	case "replicating":
		return cluster.Replicating
	case "recovery":
		return cluster.Recovering
	case "invalid":
		return cluster.Invalid
	case "diverged":
		return cluster.Diverged
	}
	v.unknown("status", word)
	return cluster.StatusUnknown
}

// parseStorage reads the rows (storage info, value) of SHOW STORAGE INFO. It is
// Known only if both counts are there: from 3.11 the plain form lacks them.
func parseStorage(rows []map[string]any) cluster.Data {
	var d cluster.Data
	var vertices, edges bool
	for _, row := range rows {
		value := row["value"]
		switch row["storage info"] {
		case "vertex_count":
			d.Vertices, vertices = integer(value)
		case "edge_count":
			d.Edges, edges = integer(value)
		case "database_uuid":
			d.UUID, _ = value.(string)
		case "storage_mode":
			d.Mode, _ = value.(string)
		}
	}
	if !vertices || !edges || d.Vertices < 0 || d.Edges < 0 {
		return cluster.Data{}
	}
	d.Known = true
	return d
}

// parseVersion reads SHOW VERSION.
func parseVersion(rows []map[string]any) cluster.Version {
	if len(rows) != 1 {
		return cluster.Version{}
	}
	text, _ := rows[0]["version"].(string)
	version, err := cluster.ParseVersion(text)
	if err != nil {
		return cluster.Version{}
	}
	return version
}

// parseWAL reads the flag --storage-wal-enabled from SHOW CONFIG.
func parseWAL(rows []map[string]any) cluster.Truth {
	for _, row := range rows {
		name, _ := row["name"].(string)
		if strings.ReplaceAll(name, "-", "_") != "storage_wal_enabled" {
			continue
		}
		switch row["current_value"] {
		case "true", true:
			return cluster.Yes
		case "false", false:
			return cluster.No
		}
	}
	return cluster.Unknown
}

// integer returns v as an int64 if it is a whole number.
func integer(v any) (int64, bool) {
	switch n := v.(type) {
	case int64:
		return n, true
	case float64:
		if n == math.Trunc(n) && math.Abs(n) < 1<<53 {
			return int64(n), true
		}
	}
	return 0, false
}
