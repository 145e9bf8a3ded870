package storage

import (
	"errors"
	"fmt"

	"memgraph-controller/internal/standin/codec"
)

// Op is one change of a commit: the new state of a node, its end, or a change of the schema.
type Op struct {
	Kind   OpKind
	ID     int64
	Labels []string
	Props  map[string]any
	Schema SchemaChange
}

// OpKind tells which fields of an Op count.
type OpKind byte

// The kinds of Op. They are part of the file format.
const (
	OpPut    OpKind = iota + 1 // ID, Labels, Props
	OpRemove                   // ID
	OpSchema                   // Schema
)

// Record is a commit as it is logged and shipped.
type Record struct {
	TS    uint64 // commit timestamp
	Epoch string // the reign in which it was committed
	Body  []byte // Ops, encoded; see Decode
}

// Ops decodes the changes of a record.
func (r Record) Ops() ([]Op, error) {
	in := codec.NewReader(r.Body)
	var ops []Op
	for in.Rest() > 0 && in.Err() == nil {
		op := Op{Kind: OpKind(in.Byte())}
		switch op.Kind {
		case OpPut:
			op.ID, op.Labels, op.Props = in.Int(), in.Strings(), in.Map()
		case OpRemove:
			op.ID = in.Int()
		case OpSchema:
			op.Schema = readSchema(in)
		default:
			return nil, fmt.Errorf("decode commit %d: unknown change %d", r.TS, op.Kind)
		}
		ops = append(ops, op)
	}
	if err := in.Done(); err != nil {
		return nil, fmt.Errorf("decode commit %d: %w", r.TS, err)
	}
	return ops, nil
}

func encodeOps(ops []Op) ([]byte, error) {
	var out codec.Writer
	for _, op := range ops {
		out.Byte(byte(op.Kind))
		switch op.Kind {
		case OpPut:
			out.Int(op.ID)
			out.Strings(op.Labels)
			out.Map(op.Props)
		case OpRemove:
			out.Int(op.ID)
		case OpSchema:
			writeSchema(&out, op.Schema)
		}
	}
	return out.Result()
}

// SchemaChange creates or drops an index or a constraint.
type SchemaChange struct {
	Drop       bool
	Rule       Rule
	Label      string
	Properties []string
	DataType   string // of RuleDataType, such as "STRING"
}

// Rule is the kind of an index or constraint.
type Rule byte

// The rules. They are part of the file format.
const (
	RuleIndex Rule = iota + 1 // on a label, or on a label and properties
	RuleUnique
	RuleExists
	RuleDataType
)

// Errors of schema changes and of commits that break a constraint.
var (
	ErrSchemaExists  = errors.New("it already exists")
	ErrSchemaMissing = errors.New("it does not exist")
)

// ViolationError says which constraint a commit, or the creation of the constraint, would break.
type ViolationError struct {
	Rule       Rule
	Label      string
	Properties []string
}

func (e *ViolationError) Error() string {
	return fmt.Sprintf("constraint violation on :%s%v", e.Label, e.Properties)
}

func (c SchemaChange) same(d SchemaChange) bool {
	if c.Rule != d.Rule || c.Label != d.Label || c.DataType != d.DataType || len(c.Properties) != len(d.Properties) {
		return false
	}
	for i := range c.Properties {
		if c.Properties[i] != d.Properties[i] {
			return false
		}
	}
	return true
}

func writeSchema(out *codec.Writer, c SchemaChange) {
	out.Bool(c.Drop)
	out.Byte(byte(c.Rule))
	out.String(c.Label)
	out.Strings(c.Properties)
	out.String(c.DataType)
}

func readSchema(in *codec.Reader) SchemaChange {
	return SchemaChange{
		Drop: in.Bool(), Rule: Rule(in.Byte()), Label: in.String(), Properties: in.Strings(), DataType: in.String(),
	}
}
