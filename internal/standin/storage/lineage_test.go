package storage

import (
	"reflect"
	"slices"
	"testing"
)

func TestJudge(t *testing.T) {
	main := Lineage{Epoch: "C", LDT: 20, History: []EpochEnd{{"A", 5}, {"B", 10}, {"A", 15}}}
	for _, c := range []struct {
		name   string
		epoch  string
		ldt    uint64
		newest bool
		want   Verdict
	}{
		{"empty replica always joins", "Z", 0, false, Behind},
		{"same epoch, level", "C", 20, false, UpToDate},
		{"same epoch, behind", "C", 19, false, Behind},
		{"same epoch, ahead, is trusted", "C", 30, false, UpToDate},
		{"unknown epoch", "Z", 1, false, Diverged},
		{"known epoch, within", "B", 10, false, Behind},
		{"known epoch, beyond its end", "B", 11, false, Diverged},
		{"the oldest entry counts", "A", 12, false, Diverged},
		{"the newest entry would be right", "A", 12, true, Behind},
		{"beyond the newest entry", "A", 16, true, Diverged},
	} {
		if got := main.Judge(c.epoch, c.ldt, c.newest); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
	if got := (Lineage{Epoch: "A"}).Judge("A", 0, false); got != UpToDate {
		t.Errorf("two empty storages: %v", got)
	}
}

// follow delivers what main has committed beyond the follower's position.
func follow(t *testing.T, main, follower *Engine) {
	t.Helper()
	if ok, err := follower.Adopt(t.Context(), main.UUID()); !ok || err != nil {
		t.Fatalf("adopt: %v, %v", ok, err)
	}
	var records []Record
	err := main.ReadLog(follower.LDT(), func(r Record) error { records = append(records, r); return nil })
	if err != nil {
		t.Fatal(err)
	}
	if err := follower.CatchUp(t.Context(), records); err != nil {
		t.Fatal(err)
	}
}

func judge(main, replica *Engine) Verdict {
	l := replica.Lineage()
	return main.Lineage().Judge(l.LastCommitEpoch(), l.LDT, false)
}

func replica(t *testing.T, dir string) *Engine {
	t.Helper()
	e := open(t, config(dir))
	e.SetReplica(true)
	return e
}

func TestEpochIsDurableOnlyWithACommit(t *testing.T) {
	dir := t.TempDir()
	e := open(t, config(dir))
	add(t, e, 1)
	first := e.Lineage().Epoch
	if err := e.BeginReign(t.Context()); err != nil {
		t.Fatal(err)
	}
	second := e.Lineage().Epoch
	if second == first {
		t.Fatal("no new epoch")
	}
	e = open(t, config(dir))
	if got := e.Lineage().Epoch; got != first {
		t.Errorf("epoch %s after a restart without a commit, want %s", got, first)
	}
	_ = e.BeginReign(t.Context())
	third := e.Lineage().Epoch
	add(t, e, 2)
	e = open(t, config(dir))
	got := e.Lineage()
	if want := []EpochEnd{{first, 2}, {third, 5}}; got.Epoch != third || !reflect.DeepEqual(got.History, want) {
		t.Errorf("lineage %+v, want %s %v", got, third, want)
	}
	_ = e.BeginReign(t.Context())
	fourth := e.Lineage().Epoch
	if _, err := e.CreateSnapshot(t.Context()); err != nil {
		t.Fatal(err)
	}
	e = open(t, config(dir))
	if got := e.Lineage().Epoch; got != fourth {
		t.Errorf("epoch %s after a snapshot, want %s", got, fourth)
	}
}

// The recordings' section 23: a replica that restarted once within the reign and is promoted later
// refuses every other node, until its own restart.
func TestFalseDivergenceAndItsCures(t *testing.T) {
	t.Run("without a restart", func(t *testing.T) {
		a, b, c := open(t, config(t.TempDir())), replica(t, t.TempDir()), replica(t, t.TempDir())
		add(t, a, 1)
		follow(t, a, b)
		follow(t, a, c)
		_ = b.BeginReign(t.Context())
		if got := judge(b, c); got != UpToDate {
			t.Errorf("%v", got)
		}
	})
	for _, cure := range []string{"none", "before", "after"} {
		t.Run("cure "+cure, func(t *testing.T) {
			dir := t.TempDir()
			a, b, c := open(t, config(t.TempDir())), replica(t, dir), replica(t, t.TempDir())
			add(t, a, 1)
			follow(t, a, b)
			b = replica(t, dir) // restarted within the reign
			if cure == "before" {
				_ = a.BeginReign(t.Context())
			}
			add(t, a, 2)
			follow(t, a, b)
			follow(t, a, c)
			_ = b.BeginReign(t.Context())
			add(t, b, 3)
			if cure == "after" {
				b = replica(t, dir)
				_ = b.BeginReign(t.Context())
				add(t, b, 4)
			}
			want := Behind
			if cure == "none" {
				want = Diverged
			}
			if got := judge(b, c); got != want {
				t.Errorf("%v, want %v", got, want)
			}
		})
	}
}

func TestCommitlessReignDoesNotCount(t *testing.T) {
	a, b := open(t, config(t.TempDir())), replica(t, t.TempDir())
	add(t, a, 1)
	follow(t, a, b)
	_ = b.BeginReign(t.Context())
	b.SetReplica(true)
	add(t, a, 2)
	if got := judge(a, b); got != Behind {
		t.Errorf("%v, want behind", got)
	}
}

func delivery(t *testing.T, main *Engine, twoPhase bool) Delivery {
	t.Helper()
	prev := main.LDT()
	add(t, main, int64(prev))
	d := Delivery{Prev: prev, TwoPhase: twoPhase}
	if err := main.ReadLog(prev, func(r Record) error { d.Record = r; return nil }); err != nil {
		t.Fatal(err)
	}
	return d
}

func TestReceive(t *testing.T) {
	dir := t.TempDir()
	a, b := open(t, config(t.TempDir())), replica(t, dir)
	if ok, _ := b.Adopt(t.Context(), a.UUID()); !ok {
		t.Fatal("an empty storage did not adopt")
	}
	receive := func(d Delivery, want bool) {
		t.Helper()
		if ok, err := b.Receive(t.Context(), d); ok != want || err != nil {
			t.Errorf("receive %d: %v, %v", d.TS, ok, err)
		}
	}
	d1, d2, d3 := delivery(t, a, false), delivery(t, a, true), delivery(t, a, true)
	receive(d2, false) // a hole
	receive(d1, true)
	receive(d1, true) // again: confirmed, not applied
	receive(d2, true)
	wantValues(t, b, 0)
	receive(d3, false) // drops the prepared one
	if ok, _ := b.Decide(t.Context(), d2.TS, true); ok {
		t.Error("decided a dropped commit")
	}
	receive(d2, true)
	if ok, err := b.Decide(t.Context(), d2.TS, true); !ok || err != nil {
		t.Errorf("decide: %v, %v", ok, err)
	}
	wantValues(t, b, 0, 2)
	receive(d3, true)
	b = replica(t, dir) // the prepared commit is gone with the process
	wantValues(t, b, 0, 2)
	receive(d3, true)
	_ = b.BeginReign(t.Context()) // and with a promotion
	wantValues(t, b, 0, 2)
	if ok, _ := b.Adopt(t.Context(), "another"); ok {
		t.Error("a storage with data adopted another identity")
	}
}

func TestLoadSnapshotReplacesEverything(t *testing.T) {
	dir := t.TempDir()
	a, b := open(t, config(t.TempDir())), replica(t, dir)
	for i := range int64(100) {
		add(t, a, i)
	}
	follow(t, a, b)
	txn := begin(t, a)
	for n := range txn.Nodes("") {
		if n.ID > 0 {
			_ = txn.Delete(n.ID)
		}
	}
	commit(t, a, txn)
	path, err := a.CreateSnapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := b.LoadSnapshot(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	wantValues(t, b, 0)
	add(t, a, 7)
	follow(t, a, b)
	b = replica(t, dir)
	wantValues(t, b, 0, 7)
	if got := judge(a, b); got != UpToDate {
		t.Errorf("%v", got)
	}
	if !slices.Contains([]string{a.Lineage().Epoch}, b.Lineage().Epoch) {
		t.Error("epochs differ")
	}
}
