package preparation

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"memgraph-controller/internal/cluster"
)

const firstAside = ".aside/20261123T120000.000000Z-rebuild"

func TestFirstStart(t *testing.T) {
	n := newNode(t) // no record is mounted
	out := n.run()
	if out != (Outcome{Reason: "there is no record", BootID: "b007-1d"}) {
		t.Errorf("outcome %+v", out)
	}
	n.holds("", oldData())
	if text, _ := os.ReadFile(n.opt.TerminationLog); string(text) != `{"bootID":"b007-1d"}` {
		t.Errorf("told the controller %q", text)
	}
	copied := filepath.Join(n.opt.InstallDirectory, "memgraph-controller")
	info, err := os.Stat(copied)
	must(t, err)
	if text, _ := os.ReadFile(copied); string(text) != "#!program" || info.Mode().Perm() != 0o755 {
		t.Errorf("installed %q as %s", text, info.Mode())
	}
	if entries, _ := os.ReadDir(n.opt.InstallDirectory); len(entries) != 1 {
		t.Errorf("the install directory holds %v", entries)
	}
	if len(n.aside()) != 0 {
		t.Errorf("made %v", n.aside())
	}
}

// Memgraph refuses a directory that another user made, so it must make its own.
func TestFreshVolumeIsLeftToMemgraph(t *testing.T) {
	n := newNode(t)
	n.opt.DataDirectory += "/mg_data"
	n.record(nil)
	if out := n.run(); out.Moved != "" || out.BootID == "" {
		t.Errorf("outcome %+v", out)
	}
	if _, err := os.Stat(n.opt.DataDirectory); err == nil {
		t.Error("made the data directory")
	}
}

func TestRebuildMovesEverythingAsideOnce(t *testing.T) {
	n := newNode(t)
	n.record(nil)
	out := n.run()
	if out.Moved != filepath.Join(n.opt.DataDirectory, firstAside) || out.Reason != "MAIN has refused it twice" {
		t.Errorf("outcome %+v", out)
	}
	n.holds("", nil)
	n.holds(firstAside, oldData())
	for _, empty := range []string{"lost+found", firstAside + "/wal"} {
		if info, err := os.Stat(filepath.Join(n.opt.DataDirectory, empty)); err != nil || !info.IsDir() {
			t.Errorf("%s: %v", empty, err)
		}
	}
	n.put("wal/current", "fresh")
	for _, edit := range []func(*cluster.Record){nil, func(r *cluster.Record) { r.Epoch++ }} { // the request stays, or the copy is stale
		n.record(edit)
		n.opt.PodUID += "+1"
		if out := n.run(); out.Moved != "" || !strings.Contains(out.Reason, "was carried out before") {
			t.Errorf("outcome of a later start %+v", out)
		}
	}
	n.holds("", map[string]string{"wal/current": "fresh"})
	n.holds(firstAside, oldData())
}

func TestWhatIsLeftAlone(t *testing.T) {
	for name, edit := range map[string]func(*cluster.Record){
		"no rebuild of it":                 func(r *cluster.Record) { r.Rebuilds[0].Node = 2 },
		"a process of this very pod":       func(r *cluster.Record) { r.Rebuilds[0].Process.ID = podUID + "/0123456789ab" },
		"it is MAIN":                       func(r *cluster.Record) { r.Main = 1 },
		"it is to be MAIN next":            func(r *cluster.Record) { r.Stage, r.Target = cluster.Demoting, 1 },
		"it is promotable":                 func(r *cluster.Record) { r.Promotable = []cluster.Proof{{Node: 1}} },
		"it held every acknowledged write": func(r *cluster.Record) { r.Heirs = []cluster.Proof{{Node: 0}, {Node: 1}} },
	} {
		n := newNode(t)
		n.record(edit)
		if out := n.run(); out.Moved != "" || !strings.Contains(out.Reason, name) {
			t.Errorf("%s: outcome %+v", name, out)
		}
		n.holds("", oldData())
		if len(n.aside()) != 0 {
			t.Errorf("%s: made %v", name, n.aside())
		}
	}
}

func TestRefusals(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(*node)
		want  string
	}{
		"a rebuild of nobody":            {func(n *node) { n.record(func(r *cluster.Record) { r.Rebuilds[0].Process.ID = "" }) }, `names its process as ""`},
		"a rebuild of something else":    {func(n *node) { n.record(func(r *cluster.Record) { r.Rebuilds[0].Process.ID = "4711" }) }, `names its process as "4711"`},
		"a rebuild without a pod":        {func(n *node) { n.record(func(r *cluster.Record) { r.Rebuilds[0].Process.ID = "/abc" }) }, `names its process as "/abc"`},
		"a rebuild without a container":  {func(n *node) { n.record(func(r *cluster.Record) { r.Rebuilds[0].Process.ID = oldPod + "/" }) }, "want the pod's UID, a slash"},
		"a record without MAIN":          {func(n *node) { n.mount(map[string]string{"epoch": "1"}) }, "record key masterIndex"},
		"a record with a broken rebuild": {func(n *node) { n.mount(map[string]string{"masterIndex": "0", "rebuild": "[{"}) }, "record key rebuild"},
		"a key that is too large":        {func(n *node) { n.mount(map[string]string{"x": strings.Repeat("x", largest+1)}) }, "it is no key of a ConfigMap"},
		"a state directory that is none": {func(n *node) { n.opt.StateDirectory = n.opt.bootID }, "read the record in"},
		"no volume":                      {func(n *node) { n.opt.DataDirectory += "/x/y" }, "where the node's volume is mounted"},
		"a data directory that is none":  {func(n *node) { n.opt.DataDirectory = n.opt.bootID }, "is no directory"},
		"no boot":                        {func(n *node) { n.opt.bootID += "/x" }, "on which boot this machine is"},
		"an empty boot":                  {func(n *node) { must(n.t, os.WriteFile(n.opt.bootID, []byte("\n"), 0o600)) }, "is empty"},
		"nowhere to report":              {func(n *node) { n.opt.TerminationLog += "/x/y" }, "tell on which boot"},
		"nowhere to install":             {func(n *node) { n.opt.InstallDirectory += "/x" }, "copy the program to"},
		"nothing kept":                   {func(n *node) { n.opt.Keep = 0 }, "keep: want at least 1"},
		"less than no bytes kept":        {func(n *node) { n.opt.KeepBytes = -1 }, "keep bytes: want 0 or more"},
		"no pod":                         {func(n *node) { n.opt.PodUID = "" }, "no pod UID"},
	} {
		n := newNode(t)
		c.spoil(n)
		if err := n.refuses(); !strings.Contains(err, c.want) {
			t.Errorf("%s: %v; want %q in it", name, err, c.want)
		}
		if text, err := os.ReadFile(n.opt.TerminationLog); err == nil {
			t.Errorf("%s: told the controller %q", name, text)
		}
	}
}

func TestBrokenNotesAreRefused(t *testing.T) {
	for _, text := range []string{"", "{", "{}", `{"moves":[{"process":"","to":"20261123T120000.000000Z-rebuild"}]}`, `{"moves":[{"process":"x/1","to":"../../etc"}]}`} {
		for _, file := range []string{journalFile, doneFile} {
			n := newNode(t)
			n.record(nil)
			n.put(".aside/"+file, text)
			if err := n.refuses(); !strings.Contains(err, filepath.Join(".aside", file)) {
				t.Errorf("%s %q: %v", file, text, err)
			}
			n.holds("", oldData())
		}
	}
}

func TestARecordThatIsHalfReplacedIsReadWhole(t *testing.T) {
	n := newNode(t)
	n.record(nil)
	// A key of the version before that the present one does not have any more: its
	// link dangles, as between two steps of an update.
	must(t, os.Symlink("..data/heirs", filepath.Join(n.opt.StateDirectory, "heirs")))
	if out := n.run(); out.Moved == "" {
		t.Errorf("outcome %+v", out)
	}
}

func TestAPlainDirectoryIsReadToo(t *testing.T) {
	n := newNode(t)
	must(t, os.MkdirAll(filepath.Join(n.opt.StateDirectory, "a directory"), 0o755))
	must(t, os.WriteFile(filepath.Join(n.opt.StateDirectory, "masterIndex"), []byte("0"), 0o600))
	if out := n.run(); out.Reason != "the record asks for no rebuild of it" {
		t.Errorf("outcome %+v", out)
	}
	must(t, os.Symlink("nowhere", filepath.Join(n.opt.StateDirectory, "epoch")))
	if err := n.refuses(); !strings.Contains(err, "epoch") {
		t.Errorf("a key that cannot be read: %v", err)
	}
}

func TestOnlyTheNewestAreKept(t *testing.T) {
	n := newNode(t)
	n.opt.Keep = 2
	for i, at := range []time.Duration{0, time.Hour, -time.Hour, -2 * time.Hour} { // the clock is turned back
		n.opt.now = func() time.Time { return noon.Add(at) }
		n.record(func(r *cluster.Record) { r.Rebuilds[0].Process.ID = oldPod + "/" + strings.Repeat("a", i+1) })
		n.put("wal/current", string(rune('0'+i)))
		n.run()
	}
	want := []string{"20261123T130000.000001Z-rebuild", "20261123T130000.000002Z-rebuild"}
	if got := n.aside(); !slices.Equal(got, want) {
		t.Fatalf("kept %v; want %v", got, want)
	}
	n.holds(".aside/"+want[1], map[string]string{"wal/current": "3"})
	must(t, os.MkdirAll(filepath.Join(n.opt.DataDirectory, ".aside", "notes"), 0o755))
	n.opt.Keep = 1
	n.run() // nothing to move
	if got := n.aside(); !slices.Equal(got, []string{want[1], "notes"}) {
		t.Errorf("kept %v; want the newest, and what is not ours", got)
	}
}

func TestEarlierRebuildsAreRemembered(t *testing.T) {
	n := newNode(t)
	ask := func(i int) {
		n.record(func(r *cluster.Record) { r.Rebuilds[0].Process.ID = oldPod + "/" + strings.Repeat("a", i+1) })
	}
	for i := range remembered + 3 {
		ask(i)
		n.put("wal/current", "x")
		n.run()
	}
	n.put("wal/current", "fresh")
	ask(4)
	if out := n.run(); out.Moved != "" {
		t.Errorf("a copy of the record that is %d rebuilds old moved fresh data aside: %+v", remembered-2, out)
	}
	m := mover{data: n.opt.DataDirectory, disk: fileSystem{}}
	if l, ok, err := m.read(doneFile); !ok || err != nil || len(l.Moves) != remembered {
		t.Errorf("%d are remembered, %v; want %d", len(l.Moves), err, remembered)
	}
}

func TestNothingIsOverwrittenInDataMovedAside(t *testing.T) {
	n := newNode(t)
	n.record(nil)
	n.put(firstAside+"/settings", "of the cut-off move")
	n.put(firstAside+"/settings.2", "as well")
	n.put(".aside/journal", `{"moves":[{"process":"`+process0+`","to":"20261123T120000.000000Z-rebuild","reason":"diverged"}]}`)
	if out := n.run(); out.Reason != "a move that was cut off is finished: diverged" {
		t.Errorf("outcome %+v", out)
	}
	want := oldData()
	want["settings"], want["settings.2"], want["settings.3"] = "of the cut-off move", "as well", "s"
	n.holds(firstAside, want)
	n.holds("", nil)
}

func TestAMoveThatWasCutOffIsNotFinishedUnderMain(t *testing.T) {
	n := newNode(t)
	n.record(func(r *cluster.Record) { r.Main, r.Rebuilds = 1, nil })
	n.put(".aside/journal", `{"moves":[{"process":"`+process0+`","to":"20261123T120000.000000Z-rebuild"}]}`)
	if err := n.refuses(); !strings.Contains(err, "the record says it is MAIN") || !strings.Contains(err, ".aside/journal") {
		t.Errorf("refused with %v", err)
	}
	n.holds("", oldData())
}

func TestAnEndedContextStopsTheMove(t *testing.T) {
	n := newNode(t)
	n.record(nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Run(ctx, n.opt); !errors.Is(err, context.Canceled) {
		t.Errorf("ended with %v", err)
	}
	n.run()
	n.holds("", nil)
	n.holds(firstAside, oldData())
}

func TestDataThatCannotBePrunedKeepsNobodyFromStarting(t *testing.T) {
	n := newNode(t)
	n.put(".aside/20250101T000000.000000Z-rebuild/x", "")
	n.put(".aside/20250102T000000.000000Z-rebuild/x", "")
	n.opt.Keep = 1
	n.opt.disk = stubborn{}
	n.run()
	if !strings.Contains(n.log.String(), "the oldest data moved aside cannot be removed") {
		t.Errorf("log: %s", n.log.String())
	}
}

type stubborn struct{ fileSystem }

func (stubborn) RemoveAll(string) error { return errors.New("busy") }
