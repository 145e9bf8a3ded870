package server

import (
	"context"
	"slices"
	"strconv"

	"memgraph-controller/internal/standin/bolt"
	"memgraph-controller/internal/standin/cypher"
)

// fixed is the result of a query that always says the same.
func fixed(fields []string, rows ...[]any) bolt.Result {
	return &lazy{fields: fields, work: func(context.Context) (answer, error) { return answer{rows: rows}, nil }}
}

// refused is the result of a query that fails when it is pulled.
func refused(err error) bolt.Result {
	return &lazy{work: func(context.Context) (answer, error) { return answer{}, err }}
}

// runInfo prepares a query about the server.
func (s *session) runInfo(ctx context.Context, stmt cypher.Statement, text string) (bolt.Result, error) {
	switch stmt := stmt.(type) {
	case cypher.ShowVersion:
		return fixed([]string{"version"}, []any{s.in.version.String()}), nil
	case cypher.ShowConfig:
		return s.showConfig(), nil
	case cypher.ShowIndexInfo:
		return &lazy{fields: []string{"index type", "label", "property", "count"}, work: s.showIndices}, nil
	case cypher.ShowConstraintInfo:
		return &lazy{fields: []string{"constraint type", "label", "properties", "data_type"}, work: s.showConstraints}, nil
	case cypher.ShowTransactions:
		return s.showTransactions(stmt, text)
	case cypher.CreateSnapshot:
		return s.createSnapshot(), nil
	case cypher.ShowSnapshots:
		return &lazy{fields: []string{"path", "timestamp", "creation_time", "size"}, work: s.in.showSnapshots}, nil
	case cypher.ShowNextSnapshot:
		return &lazy{fields: []string{"path", "creation_time"}, work: s.in.showNextSnapshot}, nil
	case cypher.ShowMetrics:
		if !s.in.version.since(3, 11) {
			return nil, bolt.ClientError("Your license has an invalid type. To use SHOW METRICS INFO you need to have an enterprise license. \n")
		}
		return nil, bolt.ClientError("Access to SHOW METRICS INFO requires an enterprise, ai_platform, or oem license.")
	case cypher.ShowLicenseInfo:
		return fixed([]string{"license info", "value"},
			[]any{"organization_name", ""}, []any{"license_key", ""}, []any{"is_valid", false}, []any{"license_type", ""},
			[]any{"valid_until", ""}, []any{"memory_limit", int64(0)},
			[]any{"status", "You have not provided any license!"}), nil
	case cypher.ShowUsers:
		return fixed([]string{"user"}), nil
	case cypher.ShowActiveUsersInfo:
		return &lazy{fields: []string{"username", "session uuid", "login timestamp"}, work: s.in.showSessions}, nil
	case cypher.ShowDatabases:
		return nil, bolt.ClientError(textLicense)
	case cypher.ShowDatabase:
		return fixed([]string{"Name"}, []any{databaseName}), nil
	case cypher.StorageMode:
		return s.storageMode(ctx, stmt)
	}
	return fixed(nil), nil // FREE MEMORY, isolation levels: accepted, without effect
}

func (s *session) showConfig() bolt.Result {
	var rows [][]any
	for _, c := range s.in.opts.Config {
		rows = append(rows, []any{c.Name, c.Default, c.Current, c.Description})
	}
	return fixed([]string{"name", "default_value", "current_value", "description"}, rows...)
}

func (s *session) showTransactions(stmt cypher.ShowTransactions, text string) (bolt.Result, error) {
	v := s.in.version
	fields := []string{"username", "transaction_id", "query", "metadata"}
	if v.since(3, 9) {
		fields = []string{"username", "transaction_id", "query", "status", "metadata"}
	} else if stmt.State != "" {
		return nil, syntaxError(text, "TRANSACTIONS", "mismatched input 'TRANSACTIONS' expecting {ACTIVE, ...}")
	}
	if v.since(3, 12) {
		fields = append(fields, "start_time", "elapsed_ms")
	}
	return &lazy{fields: fields, work: func(context.Context) (answer, error) {
		return answer{rows: s.in.open.rows(v, stmt.State)}, nil
	}}, nil
}

// terminate prepares TERMINATE TRANSACTIONS.
func (s *session) terminate(stmt cypher.TerminateTransactions, params map[string]any) (bolt.Result, error) {
	var ids []string
	for _, id := range stmt.IDs {
		text := id.Text
		if id.Parameter != "" {
			switch v := params[id.Parameter].(type) {
			case string:
				text = v
			case int64:
				text = strconv.FormatInt(v, 10)
			default:
				return nil, bolt.ClientError("Parameter $" + id.Parameter + " not provided.")
			}
		}
		ids = append(ids, text)
	}
	return &lazy{fields: []string{"transaction_id", "killed"}, work: func(context.Context) (answer, error) {
		var out answer
		for _, id := range ids {
			out.rows = append(out.rows, []any{id, s.in.open.kill(id)})
		}
		return out, nil
	}}, nil
}

// storageMode prepares STORAGE MODE. What was written in analytical mode was not logged, so the
// way back makes a snapshot.
func (s *session) storageMode(ctx context.Context, stmt cypher.StorageMode) (bolt.Result, error) {
	if stmt.Mode == "ON_DISK_TRANSACTIONAL" {
		return nil, bolt.ClientError("The stand-in does not know the on-disk storage mode.")
	}
	if replica, err := s.in.onReplica(ctx); err != nil || replica {
		if err == nil {
			err = s.in.version.writeForbidden()
		}
		return nil, err
	}
	return &lazy{work: func(ctx context.Context) (answer, error) {
		analytical := stmt.Mode == "IN_MEMORY_ANALYTICAL"
		back := s.in.engine.Analytical() && !analytical
		s.in.engine.SetAnalytical(analytical)
		if back {
			if _, err := s.in.engine.CreateSnapshot(ctx); err != nil {
				return answer{}, err
			}
		}
		return answer{}, nil
	}}, nil
}

func (in *Instance) showSessions(context.Context) (answer, error) {
	var out answer
	for _, e := range in.sessions.list() {
		out.rows = append(out.rows, []any{e.user, e.id, e.since.Format("2006-01-02 15:04:05")})
	}
	slices.SortFunc(out.rows, func(a, b []any) int {
		if a[2].(string) < b[2].(string) {
			return -1
		}
		return 1
	})
	return out, nil
}
