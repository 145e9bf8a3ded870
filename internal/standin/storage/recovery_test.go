package storage

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestKilledProcessLosesNothing(t *testing.T) {
	dir := t.TempDir()
	e := open(t, config(dir))
	for i := range int64(5) {
		add(t, e, i)
	}
	id, lineage := e.UUID(), e.Lineage()
	// No Close: the process is gone, the operating system is not.
	e = open(t, config(dir))
	wantValues(t, e, 0, 1, 2, 3, 4)
	if got := e.Lineage(); e.UUID() != id || got.Epoch != lineage.Epoch || got.LDT != lineage.LDT {
		t.Errorf("came back as %s %+v, was %s %+v", e.UUID(), got, id, lineage)
	}
}

func TestTornTailIsCut(t *testing.T) {
	dir := t.TempDir()
	e := open(t, config(dir))
	add(t, e, 1)
	add(t, e, 2)
	path := e.wal.current.path
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for cut := 1; cut < 20; cut++ {
		if err := os.WriteFile(path, whole[:len(whole)-cut], 0o600); err != nil {
			t.Fatal(err)
		}
		e := open(t, config(dir))
		wantValues(t, e, 1)
	}
	flipped := bytes.Clone(whole)
	flipped[len(flipped)-1] ^= 1
	if err := os.WriteFile(path, flipped, 0o600); err != nil {
		t.Fatal(err)
	}
	e = open(t, config(dir))
	wantValues(t, e, 1)
	add(t, e, 3)
	e = open(t, config(dir))
	wantValues(t, e, 1, 3)
}

func TestDamageBeforeTheTailIsAnError(t *testing.T) {
	dir := t.TempDir()
	cfg := config(dir)
	cfg.WALLimit = 1 // a file for each commit
	e := open(t, cfg)
	add(t, e, 1)
	add(t, e, 2)
	add(t, e, 3)
	first := e.wal.done[0].path
	_ = e.Close()
	if err := os.Truncate(first, fileLen(t, first)-1); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(cfg); !errors.Is(err, errTorn) {
		t.Errorf("opened over a damaged log: %v", err)
	}
	if err := os.Remove(first); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(cfg); err == nil {
		t.Error("opened over a missing log file")
	}
}

func fileLen(t *testing.T, path string) int64 {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

func TestPowerLossTakesWhatWasNotSynced(t *testing.T) {
	for _, c := range []struct {
		flushEvery int
		want       []int64
	}{
		{1, []int64{0, 1, 2, 3, 4}},
		{2, []int64{0, 1, 2, 3}},
		{100000, nil},
	} {
		dir := t.TempDir()
		cfg := config(dir)
		cfg.FlushEvery = c.flushEvery
		e := open(t, cfg)
		for i := range int64(5) {
			add(t, e, i)
		}
		if err := e.PowerLoss(); err != nil {
			t.Fatal(err)
		}
		if _, err := e.Begin(t.Context()); !errors.Is(err, ErrClosed) {
			t.Errorf("still alive: %v", err)
		}
		e = open(t, cfg)
		wantValues(t, e, c.want...)
	}
}

func TestSnapshotAndLog(t *testing.T) {
	dir := t.TempDir()
	cfg := config(dir)
	cfg.Retention = 2
	e := open(t, cfg)
	add(t, e, 1)
	txn := begin(t, e)
	if err := txn.Change(SchemaChange{Rule: RuleIndex, Label: "S", Properties: []string{"i"}}); err != nil {
		t.Fatal(err)
	}
	commit(t, e, txn)
	for i := range int64(4) {
		path, err := e.CreateSnapshot(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if info := filepath.Base(path); !bytes.Contains([]byte(info), []byte("_timestamp_")) {
			t.Errorf("snapshot is called %s", info)
		}
		if err := e.wal.close(); err != nil {
			t.Fatal(err)
		}
		add(t, e, 10+i)
	}
	list, err := e.Snapshots()
	if err != nil || len(list) != 2 || list[0].LDT <= list[1].LDT {
		t.Errorf("snapshots %v, %v", list, err)
	}
	if err := e.ReadLog(0, func(Record) error { return nil }); !errors.Is(err, ErrGap) {
		t.Errorf("the log still reaches back to 0: %v", err)
	}
	if err := e.ReadLog(list[1].LDT, func(Record) error { return nil }); err != nil {
		t.Errorf("the log does not reach back to the oldest snapshot: %v", err)
	}
	_ = e.Close()
	e = open(t, cfg)
	wantValues(t, e, 1, 10, 11, 12, 13)
	txn = begin(t, e)
	if infos := txn.Schema(); len(infos) != 1 || infos[0].Count != 5 {
		t.Errorf("schema %+v", infos)
	}
}

func TestDamagedSnapshotIsSkipped(t *testing.T) {
	dir := t.TempDir()
	e := open(t, config(dir))
	add(t, e, 1)
	path, err := e.CreateSnapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	add(t, e, 2)
	_ = e.Close()
	if err := os.Truncate(path, fileLen(t, path)-1); err != nil {
		t.Fatal(err)
	}
	e = open(t, config(dir))
	wantValues(t, e, 1, 2)
}

func TestTwoPhaseCommit(t *testing.T) {
	dir := t.TempDir()
	e := open(t, config(dir))
	refused := errors.New("refused")
	for i, err := range []error{nil, refused, nil} {
		txn := begin(t, e)
		_, _ = txn.Create([]string{"S"}, map[string]any{"i": int64(i)})
		if got := e.Commit(t.Context(), txn, twoPhase{err}); !errors.Is(got, err) {
			t.Errorf("commit %d: %v", i, got)
		}
	}
	wantValues(t, e, 0, 2)
	e = open(t, config(dir))
	wantValues(t, e, 0, 2)
	var shipped []uint64
	if err := e.ReadLog(0, func(r Record) error { shipped = append(shipped, r.TS); return nil }); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(shipped, []uint64{2, 6}) {
		t.Errorf("the log offers %v", shipped)
	}
}

func TestCrashBeforeTheDecisionAborts(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct {
		ship Shipper
		want []int64
	}{{alone{}, []int64{1}}, {twoPhase{}, nil}} {
		dir := filepath.Join(dir, string(rune('a'+len(c.want))))
		cfg := config(dir)
		crash := errors.New("crash")
		cfg.CrashPoint = func(p Point) {
			if p == AfterWAL {
				panic(crash)
			}
		}
		e := open(t, cfg)
		txn := begin(t, e)
		_, _ = txn.Create([]string{"S"}, map[string]any{"i": int64(1)})
		func() {
			defer func() {
				if err, ok := recover().(error); !ok || !errors.Is(err, crash) {
					t.Errorf("recovered %v", err)
				}
			}()
			_ = e.Commit(t.Context(), txn, c.ship)
		}()
		wantValues(t, open(t, config(dir)), c.want...)
	}
}

func FuzzScan(f *testing.F) {
	dir := f.TempDir()
	e, err := Open(config(dir))
	if err != nil {
		f.Fatal(err)
	}
	for _, ship := range []Shipper{alone{}, twoPhase{}, twoPhase{errors.New("no")}} {
		txn, _ := e.Begin(f.Context())
		_, _ = txn.Create([]string{"S"}, map[string]any{"i": int64(1)})
		_ = e.Commit(f.Context(), txn, ship)
	}
	log, err := os.ReadFile(e.wal.current.path)
	if err != nil {
		f.Fatal(err)
	}
	_ = e.Close()
	f.Add(log)
	f.Fuzz(func(t *testing.T, b []byte) {
		found, err := scan(bytes.NewReader(b), int64(len(b)), func(r Record) error {
			_, err := r.Ops()
			return err
		})
		if err == nil && found.good > int64(len(b)) {
			t.Errorf("%d good bytes of %d", found.good, len(b))
		}
	})
}
