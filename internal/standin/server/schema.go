package server

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"memgraph-controller/internal/standin/bolt"
	"memgraph-controller/internal/standin/cypher"
	"memgraph-controller/internal/standin/replication"
	"memgraph-controller/internal/standin/storage"
)

var rules = map[string]storage.Rule{
	"exists": storage.RuleExists, "unique": storage.RuleUnique, "data_type": storage.RuleDataType,
}

// schemaChange translates a statement. noun is what it is about, for texts.
func schemaChange(stmt cypher.Statement) (c storage.SchemaChange, noun string) {
	constraint := func(from cypher.Constraint, drop bool) storage.SchemaChange {
		return storage.SchemaChange{
			Drop: drop, Rule: rules[from.Rule], Label: from.Label, Properties: from.Properties, DataType: from.DataType,
		}
	}
	switch stmt := stmt.(type) {
	case cypher.CreateIndex:
		return storage.SchemaChange{Rule: storage.RuleIndex, Label: stmt.Label, Properties: stmt.Properties}, "index"
	case cypher.DropIndex:
		return storage.SchemaChange{Drop: true, Rule: storage.RuleIndex, Label: stmt.Label, Properties: stmt.Properties}, "index"
	case cypher.CreateConstraint:
		return constraint(stmt.Constraint, false), "constraint"
	case cypher.DropConstraint:
		return constraint(stmt.Constraint, true), "constraint"
	}
	return c, ""
}

// runSchema prepares the creation or the end of an index or a constraint, which are refused on a
// REPLICA in different ways.
func (s *session) runSchema(ctx context.Context, stmt cypher.Statement, text string) (bolt.Result, error) {
	change, noun := schemaChange(stmt)
	err := s.writable(ctx)
	if err != nil && noun == "index" {
		return nil, err
	}
	if err != nil {
		refused := bolt.ClientError(textConstraint)
		return &lazy{work: func(context.Context) (answer, error) { return answer{}, refused }}, nil
	}
	tx, err := s.in.begin(ctx, s.user, nil)
	if err != nil {
		return nil, err
	}
	tx.note(text)
	return &lazy{release: tx.rollback, work: func(ctx context.Context) (answer, error) {
		return tx.changeSchema(ctx, change, noun)
	}}, nil
}

func (t *transaction) changeSchema(ctx context.Context, c storage.SchemaChange, noun string) (answer, error) {
	what := describe(c, noun)
	capital := strings.ToUpper(noun[:1]) + noun[1:]
	err := t.txn.Change(c)
	var violation *storage.ViolationError
	switch {
	case errors.Is(err, storage.ErrSchemaExists):
		return answer{notes: []notification{info(capital+"AlreadyExists", fmt.Sprintf("%s already exists.", what))}}, nil
	case errors.Is(err, storage.ErrSchemaMissing):
		return answer{notes: []notification{info(capital+"DoesNotExist", fmt.Sprintf("%s doesn't exist.", what))}}, nil
	case errors.As(err, &violation):
		return answer{}, bolt.ClientError(creationViolation(violation))
	case err != nil:
		return answer{}, dataError(err)
	}
	notes, err := t.commit(ctx, true)
	verb, past := "Create", "Created"
	if c.Drop {
		verb, past = "Drop", "Dropped"
	}
	done := info(verb+capital, fmt.Sprintf("%s %s%s.", past, strings.ToLower(what[:1]), what[1:]))
	return answer{notes: append([]notification{done}, notes...)}, err
}

// describe names an index or a constraint as Memgraph's notifications do.
func describe(c storage.SchemaChange, noun string) string {
	properties := strings.Join(c.Properties, ", ")
	switch {
	case noun == "index" && properties == "":
		return fmt.Sprintf("Index on label %s", c.Label)
	case noun == "index":
		return fmt.Sprintf("Index on label %s on properties %s", c.Label, properties)
	}
	rule := map[storage.Rule]string{
		storage.RuleUnique: "UNIQUE", storage.RuleExists: "EXISTS", storage.RuleDataType: "IS TYPED " + c.DataType,
	}[c.Rule]
	return fmt.Sprintf("Constraint %s on label %s on properties %s", rule, c.Label, properties)
}

// showIndices returns the lines of SHOW INDEX INFO.
func (s *session) showIndices(ctx context.Context) (answer, error) {
	tx, err := s.in.begin(ctx, s.user, nil)
	if err != nil {
		return answer{}, err
	}
	defer tx.rollback()
	var out answer
	for _, x := range tx.txn.Schema() {
		if x.Rule != storage.RuleIndex {
			continue
		}
		kind, properties := "label", any(nil)
		if len(x.Properties) > 0 {
			kind, properties = "label+property", s.in.version.propertyList(x.Properties)
		}
		out.rows = append(out.rows, []any{kind, x.Label, properties, x.Count})
	}
	return out, nil
}

// showConstraints returns the lines of SHOW CONSTRAINT INFO.
func (s *session) showConstraints(ctx context.Context) (answer, error) {
	tx, err := s.in.begin(ctx, s.user, nil)
	if err != nil {
		return answer{}, err
	}
	defer tx.rollback()
	var out answer
	for _, x := range tx.txn.Schema() {
		switch x.Rule {
		case storage.RuleUnique:
			out.rows = append(out.rows, []any{"unique", x.Label, texts(x.Properties), ""})
		case storage.RuleExists:
			out.rows = append(out.rows, []any{"exists", x.Label, x.Properties[0], ""})
		case storage.RuleDataType:
			out.rows = append(out.rows, []any{"data_type", x.Label, x.Properties[0], x.DataType})
		}
	}
	return out, nil
}

// propertyList is a list since there are indices on several properties.
func (v Version) propertyList(properties []string) any {
	if !v.since(3, 2) {
		return properties[0]
	}
	return texts(properties)
}

func texts(list []string) []any {
	out := make([]any, len(list))
	for i, s := range list {
		out[i] = s
	}
	return out
}

// multicommand refuses what Memgraph does not do between BEGIN and COMMIT.
func (v Version) multicommand(stmt cypher.Statement) error {
	what := ""
	switch stmt.(type) {
	case cypher.CreateIndex, cypher.DropIndex:
		what = "Index manipulation"
	case cypher.CreateConstraint, cypher.DropConstraint:
		what = "Constraint manipulation"
	case cypher.CreateSnapshot, cypher.ShowSnapshots, cypher.ShowNextSnapshot:
		what = "Snapshot handling"
	case cypher.StorageMode:
		what = "Storage mode manipulation"
	case cypher.SetIsolationLevel:
		what = "Isolation level manipulation"
	case cypher.FreeMemory:
		what = "Freeing memory"
	case cypher.ShowConfig:
		what = "Show config"
	case cypher.ShowStorageInfo, cypher.ShowIndexInfo, cypher.ShowConstraintInfo:
		what = "Info reporting"
	case cypher.ShowVersion:
		what = "Version info query"
	}
	switch {
	case cypher.IsReplication(stmt):
		return v.inTransaction()
	case what != "":
		return bolt.ClientError(what + " not allowed in multicommand transactions.")
	}
	return nil
}

// onReplica reports whether the node is a REPLICA.
func (in *Instance) onReplica(ctx context.Context) (bool, error) {
	role, err := in.node.Role(ctx)
	return role == replication.Replica, err
}
