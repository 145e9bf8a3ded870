package storage

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// alone is the Shipper of a storage without replicas.
type alone struct{}

func (alone) Open(Record, uint64) Shipment { return noShipment{} }

type noShipment struct{}

func (noShipment) TwoPhase() bool { return false }
func (noShipment) Ship() error    { return nil }
func (noShipment) Finish(bool)    {}

// twoPhase is a Shipper whose replicas answer err.
type twoPhase struct{ err error }

func (s twoPhase) Open(Record, uint64) Shipment { return s }
func (twoPhase) TwoPhase() bool                 { return true }
func (s twoPhase) Ship() error                  { return s.err }
func (twoPhase) Finish(bool)                    {}

func config(dir string) Config {
	return Config{Dir: dir, WAL: true, Recover: true, Log: slog.New(slog.DiscardHandler)}
}

func open(t *testing.T, cfg Config) *Engine {
	t.Helper()
	e, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	return e
}

func begin(t *testing.T, e *Engine) *Txn {
	t.Helper()
	txn, err := e.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Abort(txn) })
	return txn
}

func commit(t *testing.T, e *Engine, txn *Txn) {
	t.Helper()
	if err := e.Commit(t.Context(), txn, alone{}); err != nil {
		t.Fatal(err)
	}
}

// add commits one node (:S {i: i}).
func add(t *testing.T, e *Engine, i int64) {
	t.Helper()
	txn := begin(t, e)
	if _, err := txn.Create([]string{"S"}, map[string]any{"i": i}); err != nil {
		t.Fatal(err)
	}
	commit(t, e, txn)
}

// values returns what a transaction sees of the i of :S.
func values(txn *Txn) []int64 {
	list := []int64{}
	for n := range txn.Nodes("S") {
		list = append(list, n.Props["i"].(int64))
	}
	return list
}

func wantValues(t *testing.T, e *Engine, want ...int64) {
	t.Helper()
	txn := begin(t, e)
	if got := values(txn); !slices.Equal(got, want) {
		t.Errorf("values = %v, want %v", got, want)
	}
	e.Abort(txn)
}

func TestTransactionsAreIsolated(t *testing.T) {
	e := open(t, config(t.TempDir()))
	add(t, e, 1)
	writer, reader := begin(t, e), begin(t, e)
	id, _ := writer.Create([]string{"S"}, map[string]any{"i": int64(2)})
	for n := range writer.Nodes("S") {
		if n.Props["i"] == int64(1) {
			if err := writer.SetProperty(n.ID, "i", int64(10)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if got := values(writer); !slices.Equal(got, []int64{10, 2}) {
		t.Errorf("writer sees %v", got)
	}
	if _, ok := reader.Node(id); ok {
		t.Error("reader sees an uncommitted node")
	}
	commit(t, e, writer)
	if got := values(reader); !slices.Equal(got, []int64{1}) {
		t.Errorf("reader sees a later commit: %v", got)
	}
	wantValues(t, e, 10, 2)
}

func TestLaterWriterOfANodeFails(t *testing.T) {
	e := open(t, config(t.TempDir()))
	add(t, e, 1)
	first, second := begin(t, e), begin(t, e)
	if err := first.SetProperty(0, "i", int64(2)); err != nil {
		t.Fatal(err)
	}
	if err := second.SetProperty(0, "i", int64(3)); !errors.Is(err, ErrSerialization) {
		t.Errorf("writing a node another transaction writes: %v", err)
	}
	commit(t, e, first)
	if err := second.Delete(0); !errors.Is(err, ErrSerialization) {
		t.Errorf("writing a node that changed since the start: %v", err)
	}
	third := begin(t, e)
	if err := third.Delete(0); err != nil {
		t.Error(err)
	}
	e.Abort(third)
	wantValues(t, e, 2)
}

func TestTimestampsAsRecorded(t *testing.T) {
	dir := t.TempDir()
	e := open(t, config(dir))
	add(t, e, 1)
	if e.LDT() != 2 {
		t.Errorf("first commit has timestamp %d, want 2", e.LDT())
	}
	wantValues(t, e, 1)
	add(t, e, 2)
	if e.LDT() != 5 {
		t.Errorf("commit after a read has timestamp %d, want 5", e.LDT())
	}
	marker := begin(t, e)
	id, _ := marker.Create(nil, nil)
	_ = marker.Delete(id)
	commit(t, e, marker)
	if e.LDT() != 7 || e.Nodes() != 2 {
		t.Errorf("marker: ldt %d, %d nodes, want 7 and 2", e.LDT(), e.Nodes())
	}
	_ = e.Close()
	e = open(t, config(dir))
	add(t, e, 3)
	if e.LDT() != 10 {
		t.Errorf("first commit after a restart has timestamp %d, want 10", e.LDT())
	}
}

func TestConstraints(t *testing.T) {
	dir := t.TempDir()
	e := open(t, config(dir))
	add(t, e, 1)
	add(t, e, 2)
	unique := SchemaChange{Rule: RuleUnique, Label: "S", Properties: []string{"i"}}
	txn := begin(t, e)
	if err := txn.Change(unique); err != nil {
		t.Fatal(err)
	}
	commit(t, e, txn)
	_ = e.Close()
	e = open(t, config(dir))
	for _, v := range []any{int64(1), 2.0} {
		txn = begin(t, e)
		_, _ = txn.Create([]string{"S"}, map[string]any{"i": v})
		var violation *ViolationError
		if err := e.Commit(t.Context(), txn, alone{}); !errors.As(err, &violation) {
			t.Errorf("a second node with %v: %v", v, err)
		}
	}
	txn = begin(t, e)
	if err := txn.Change(SchemaChange{Rule: RuleExists, Label: "S", Properties: []string{"x"}}); err == nil {
		t.Error("a constraint the data break was accepted")
	}
	if err := txn.Change(unique); !errors.Is(err, ErrSchemaExists) {
		t.Errorf("the same constraint again: %v", err)
	}
	e.Abort(txn)
	txn = begin(t, e)
	_ = txn.SetProperty(0, "i", int64(5))
	commit(t, e, txn)
	add(t, e, 1) // free again
	wantValues(t, e, 5, 2, 1)
}

func TestIndexFindsWhatIsThere(t *testing.T) {
	e := open(t, config(t.TempDir()))
	for i := range int64(20) {
		add(t, e, i)
	}
	txn := begin(t, e)
	if txn.ByProperty("S", "i", int64(7)) != nil {
		t.Fatal("an index where there is none")
	}
	if err := txn.Change(SchemaChange{Rule: RuleIndex, Label: "S", Properties: []string{"i"}}); err != nil {
		t.Fatal(err)
	}
	commit(t, e, txn)
	old := begin(t, e)
	txn = begin(t, e)
	_ = txn.SetProperty(7, "i", int64(100))
	commit(t, e, txn)
	find := func(txn *Txn, v any) (ids []int64) {
		for n := range txn.ByProperty("S", "i", v) {
			if n.Props["i"] == v {
				ids = append(ids, n.ID)
			}
		}
		return ids
	}
	if got := find(old, int64(7)); !slices.Equal(got, []int64{7}) {
		t.Errorf("an older transaction finds %v", got)
	}
	txn = begin(t, e)
	if got := find(txn, int64(100)); !slices.Equal(got, []int64{7}) {
		t.Errorf("a newer transaction finds %v", got)
	}
	if got := find(txn, int64(7)); got != nil {
		t.Errorf("a newer transaction finds %v under the old value", got)
	}
	e.Abort(old)
	e.Abort(txn)
	add(t, e, 200)
	for _, x := range e.schema.all() {
		if len(x.retired) != 0 || len(x.entries) != 21 {
			t.Errorf("index keeps %d retired and %d entries", len(x.retired), len(x.entries))
		}
	}
}

func TestOldVersionsAreForgotten(t *testing.T) {
	e := open(t, config(t.TempDir()))
	for i := range int64(3000) {
		add(t, e, i)
	}
	for i := range int64(3000) {
		txn := begin(t, e)
		_ = txn.SetProperty(i, "i", i+1)
		_ = txn.Delete(i)
		commit(t, e, txn)
	}
	add(t, e, 1)
	if len(e.graph.byID) > 2 || len(e.graph.order) > 1500 {
		t.Errorf("%d nodes, %d in order", len(e.graph.byID), len(e.graph.order))
	}
}

func TestWithoutLogNothingIsShipped(t *testing.T) {
	cfg := config(t.TempDir())
	cfg.WAL = false
	e := open(t, cfg)
	txn := begin(t, e)
	_, _ = txn.Create(nil, nil)
	if err := e.Commit(t.Context(), txn, twoPhase{errors.New("shipped")}); err != nil {
		t.Error(err)
	}
	if e.LDT() != 2 {
		t.Errorf("ldt %d", e.LDT())
	}
	files, _ := filepath.Glob(filepath.Join(cfg.Dir, "wal", "*"))
	if len(files) > 0 {
		t.Errorf("logged all the same: %v", files)
	}
}

func TestNoRecovery(t *testing.T) {
	dir := t.TempDir()
	e := open(t, config(dir))
	add(t, e, 1)
	_ = e.Close()
	cfg := config(dir)
	cfg.Recover = false
	e = open(t, cfg)
	wantValues(t, e)
	if kept, _ := os.ReadDir(filepath.Join(dir, "wal", ".backup")); len(kept) != 1 {
		t.Errorf("backup holds %d files", len(kept))
	}
}
