package server

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"memgraph-controller/internal/standin/bolt"
	"memgraph-controller/internal/standin/cypher"
	"memgraph-controller/internal/standin/replication"
)

// runSystem prepares everything that is no data query.
func (s *session) runSystem(ctx context.Context, stmt cypher.Statement, text string, params map[string]any) (bolt.Result, error) {
	if s.tx != nil {
		if err := s.in.version.multicommand(stmt); err != nil {
			return nil, err
		}
	}
	switch stmt := stmt.(type) {
	case cypher.ShowReplicationRole:
		return &lazy{fields: []string{"replication role"}, work: s.in.showRole}, nil
	case cypher.ShowReplicas:
		return &lazy{
			fields: []string{"name", "socket_address", "sync_mode", "system_info", "data_info"},
			work:   s.in.showReplicas,
		}, nil
	case cypher.SetReplicationRole:
		return s.change(ctx, func(ctx context.Context) (answer, error) { return s.in.setRole(ctx, stmt) })
	case cypher.RegisterReplica:
		if err := s.in.version.modeKnown(stmt.Mode, text); err != nil {
			return nil, err
		}
		return s.change(ctx, func(ctx context.Context) (answer, error) { return s.in.register(ctx, stmt) })
	case cypher.DropReplica:
		return s.change(ctx, func(ctx context.Context) (answer, error) { return s.in.drop(ctx, stmt) })
	case cypher.Coordination:
		if s.in.opts.Community {
			return nil, bolt.ClientError(textEnterprise)
		}
		return nil, bolt.ClientError(textCoordinator)
	case cypher.TerminateTransactions:
		return s.terminate(stmt, params)
	case cypher.ShowStorageInfo:
		return s.showStorageInfo(stmt, text)
	}
	if cypher.ChangesSchema(stmt) {
		return s.runSchema(ctx, stmt, text)
	}
	return s.runInfo(ctx, stmt, text)
}

// change prepares a change of the cluster, of which there is one at a time.
func (s *session) change(ctx context.Context, work func(context.Context) (answer, error)) (bolt.Result, error) {
	if s.in.engine.Analytical() && s.in.version.since(3, 2) {
		return nil, bolt.ClientError(textAnalytical)
	}
	release, err := s.in.node.BeginSystem(ctx)
	if errors.Is(err, replication.ErrConcurrent) {
		return nil, bolt.ClientError(textConcurrent)
	}
	if err != nil {
		return nil, err
	}
	return &lazy{release: release, work: work}, nil
}

func (in *Instance) showRole(ctx context.Context) (answer, error) {
	role, err := in.node.Role(ctx)
	return answer{rows: [][]any{{string(role)}}}, err
}

func (in *Instance) showReplicas(ctx context.Context) (answer, error) {
	list, err := in.node.Replicas(ctx)
	if errors.Is(err, replication.ErrReplica) {
		return answer{}, in.version.showReplicas()
	}
	var out answer
	for _, r := range list {
		data := map[string]any{}
		if r.Attached {
			data[databaseName] = map[string]any{
				"ts": int64(r.TS), "behind": r.Behind, "status": string(r.State),
			}
		}
		out.rows = append(out.rows, []any{r.Name, r.Address(), string(r.Mode), nil, data})
	}
	return out, err
}

func (in *Instance) setRole(ctx context.Context, stmt cypher.SetReplicationRole) (answer, error) {
	if stmt.Main {
		err := in.node.Promote(ctx)
		if errors.Is(err, replication.ErrPromote) {
			err = bolt.ClientError(textPromote)
		}
		return answer{notes: []notification{info("SetReplica", "Replica role set to MAIN.")}}, err
	}
	if stmt.Port < 0 || stmt.Port > 65535 {
		return answer{}, bolt.ClientError(textPort)
	}
	err := in.node.Demote(ctx, int(stmt.Port))
	if errors.Is(err, replication.ErrDemote) {
		err = bolt.ClientError(textDemote)
	}
	out := answer{notes: []notification{info("SetReplica", "Replica role set to REPLICA.")}}
	if stmt.Port == 7687 {
		out.notes = append(out.notes, notification{
			"WARNING", "ReplicaPortWarning",
			"Be careful the replication port must be different from the memgraph port!", "",
		})
	}
	return out, err
}

func (in *Instance) register(ctx context.Context, stmt cypher.RegisterReplica) (answer, error) {
	role, err := in.node.Role(ctx)
	if err == nil && role == replication.Replica {
		err = bolt.ClientError(textReplicaRegs)
	}
	if err != nil {
		return answer{}, err
	}
	host, port, err := in.version.parseAddress(stmt.Address)
	if err != nil {
		return answer{}, err
	}
	reg := replication.Registration{Name: stmt.Name, Host: host, Port: port, Mode: replication.Mode(stmt.Mode)}
	if err := in.node.Register(ctx, reg); err != nil {
		return answer{}, in.version.register(stmt.Name, err)
	}
	return answer{notes: []notification{info("RegisterReplica", fmt.Sprintf("Replica %s is registered.", stmt.Name))}}, nil
}

func (in *Instance) drop(ctx context.Context, stmt cypher.DropReplica) (answer, error) {
	if err := in.node.Drop(ctx, stmt.Name); err != nil {
		return answer{}, in.version.drop(stmt.Name, err)
	}
	return answer{notes: []notification{info("DropReplica", fmt.Sprintf("Replica %s is dropped.", stmt.Name))}}, nil
}

// defaultPort is that of an address without one.
const defaultPort = 10000

// parseAddress reads host or host:port.
func (v Version) parseAddress(address string) (host string, port int, err error) {
	host, text, found := strings.Cut(address, ":")
	switch {
	case host == "" || strings.Contains(text, ":"):
		return "", 0, v.address()
	case !found:
		return host, defaultPort, nil
	}
	if _, err := fmt.Sscanf(text, "%d", &port); err != nil || fmt.Sprint(port) != text || port < 0 || port > 65535 {
		return "", 0, bolt.TransientError(textAddressNumber)
	}
	return host, port, nil
}

// modeKnown refuses STRICT_SYNC where the grammar has none.
func (v Version) modeKnown(mode cypher.Mode, text string) error {
	if mode != cypher.StrictSync || v.since(3, 5) {
		return nil
	}
	return syntaxError(text, "STRICT_SYNC", "mismatched input 'STRICT_SYNC' expecting {ASYNC, SYNC}")
}

// syntaxError complains about a word that an older grammar does not know.
func syntaxError(text, word, reason string) error {
	at := max(0, strings.Index(strings.ToUpper(text), word))
	line := strings.Count(text[:at], "\n")
	column := at - strings.LastIndex(text[:at], "\n")
	return &cypher.SyntaxError{Line: line + 1, Column: column, Reason: reason}
}
