//go:build linux

package judge

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"memgraph-controller/test/contract/client"
)

// ReplicaColumns are the columns of SHOW REPLICAS (recorded on 3.6.2 and 3.12.0).
var ReplicaColumns = []string{"name", "socket_address", "sync_mode", "system_info", "data_info"}

// Replica is one row of SHOW REPLICAS. A ghost has an empty data_info: it is
// listed but takes no part in replication.
type Replica struct {
	Name, Address, Mode string
	Status              string // empty for a ghost
	Behind, TS          int64
}

// ParseReplicas reads the answer to SHOW REPLICAS and is strict about columns,
// types and keys.
func ParseReplicas(a client.Answer) ([]Replica, error) {
	if !a.OK() {
		return nil, fmt.Errorf("show replicas: %s", a.Outcome())
	}
	if !slices.Equal(a.Columns, ReplicaColumns) {
		return nil, fmt.Errorf("show replicas: columns %q", a.Columns)
	}
	out := []Replica{}
	for _, row := range a.Rows {
		r, err := parseReplica(row)
		if err != nil {
			return nil, fmt.Errorf("show replicas: row %s: %w", client.Row(row), err)
		}
		out = append(out, r)
	}
	return out, nil
}

func parseReplica(row []any) (Replica, error) {
	var r Replica
	if len(row) != len(ReplicaColumns) {
		return r, fmt.Errorf("%d values", len(row))
	}
	for i, into := range []*string{&r.Name, &r.Address, &r.Mode} {
		s, ok := row[i].(string)
		if !ok {
			return r, fmt.Errorf("%s is a %T, not a string", ReplicaColumns[i], row[i])
		}
		*into = s
	}
	if row[3] != nil {
		return r, fmt.Errorf("system_info is not null without a licence")
	}
	info, ok := row[4].(map[string]any)
	if !ok {
		return r, fmt.Errorf("data_info is a %T, not a map", row[4])
	}
	if len(info) == 0 {
		return r, nil
	}
	db, ok := info["memgraph"].(map[string]any)
	if !ok || len(info) != 1 || len(db) != 3 {
		return r, fmt.Errorf("data_info must be {} or hold exactly memgraph with ts, behind and status")
	}
	for k, into := range map[string]*int64{"ts": &r.TS, "behind": &r.Behind} {
		if *into, ok = db[k].(int64); !ok {
			return r, fmt.Errorf("%s is a %T, not an integer", k, db[k])
		}
	}
	if r.Status, ok = db["status"].(string); !ok {
		return r, fmt.Errorf("status is a %T, not a string", db["status"])
	}
	return r, nil
}

// String renders the row as the patterns of Match are written:
// "b strict_sync ready behind=0 ts=6", and "b sync {}" for a ghost.
func (r Replica) String() string {
	if r.Status == "" {
		return fmt.Sprintf("%s %s {}", r.Name, r.Mode)
	}
	return fmt.Sprintf("%s %s %s behind=%d ts=%d", r.Name, r.Mode, r.Status, r.Behind, r.TS)
}

// Match compares rows with patterns, one for each row and in their order. A
// pattern is a row as String renders it, in which trailing words may be left
// out and a word may be "*", alternatives "ready|replicating", or a comparison
// "behind<0", "behind>0".
func Match(rows []Replica, patterns ...string) bool {
	if len(rows) != len(patterns) {
		return false
	}
	for i, p := range patterns {
		if !matchRow(rows[i], p) {
			return false
		}
	}
	return true
}

func matchRow(r Replica, pattern string) bool {
	got, want := strings.Fields(r.String()), strings.Fields(pattern)
	if len(want) > len(got) {
		return false
	}
	for i, w := range want {
		if w != "*" && !slices.Contains(strings.Split(w, "|"), got[i]) && !matchSign(got[i], w) {
			return false
		}
	}
	return true
}

func matchSign(got, want string) bool {
	name, value, ok := strings.Cut(got, "=")
	if !ok {
		return false
	}
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil {
		return false
	}
	return want == name+"<0" && n < 0 || want == name+">0" && n > 0
}

// Rows renders rows for a report; an empty list reads "(none)".
func Rows(rows []Replica) string {
	if len(rows) == 0 {
		return "(none)"
	}
	s := make([]string, len(rows))
	for i, r := range rows {
		s[i] = r.String()
	}
	return strings.Join(s, ", ")
}
