package sandbox

import (
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"memgraph-controller/internal/cluster"
)

func TestTakenPortIsNamedAndAnotherUsed(t *testing.T) {
	p := newPorts()
	first, err := p.listen(t.Context(), "the first door", 21870)
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	taken := first.Addr().(*net.TCPAddr).Port
	q := newPorts()
	second, err := q.listen(t.Context(), "the second door", taken)
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	if len(q.moved) != 1 || !strings.Contains(q.moved[0], "is taken; the second door is at "+second.Addr().String()) {
		t.Errorf("said %q; want what was taken and where it is instead", q.moved)
	}
	port, err := q.reserve(t.Context(), "a child", second.Addr().(*net.TCPAddr).Port)
	if err != nil || port == taken || port == second.Addr().(*net.TCPAddr).Port || port > lastPort {
		t.Errorf("reserved %d, %v; want a free port below the ephemeral ones", port, err)
	}
}

func TestDirectoryIsForOneSandboxAndKeepsTheRecord(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sandbox")
	d, err := openDirectory(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := openDirectory(path); err == nil || !strings.Contains(err.Error(), "another sandbox uses it") {
		t.Errorf("a second sandbox on the directory: %v; want it refused", err)
	}
	if r, err := d.loadRecord(); r != nil || err != nil {
		t.Errorf("record of a new directory = %v, %v; want none", r, err)
	}
	want := cluster.Record{Main: 2, Epoch: 7, Stage: cluster.Serving, Target: cluster.NoNode, Seat: 1, LastUpdated: time.Unix(1e9, 0)}
	if err := d.saveRecord(&want); err != nil {
		t.Fatal(err)
	}
	if err := d.close(); err != nil {
		t.Fatal(err)
	}
	if d, err = openDirectory(path); err != nil {
		t.Fatal(err)
	}
	defer d.close()
	if r, err := d.loadRecord(); err != nil || r.Main != 2 || r.Epoch != 7 || r.Seat != 1 {
		t.Errorf("record kept = %+v, %v; want the one that was saved", r, err)
	}
	for range 2 { // the second time there is none
		if err := d.saveRecord(nil); err != nil {
			t.Fatal(err)
		}
		if r, err := d.loadRecord(); r != nil || err != nil {
			t.Errorf("record kept after it was deleted = %+v, %v; want none", r, err)
		}
	}
}

func TestTemporaryDirectoryLeavesNothing(t *testing.T) {
	d, err := openDirectory("")
	if err != nil {
		t.Fatal(err)
	}
	if err := d.close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(d.path); !os.IsNotExist(err) {
		t.Errorf("%s is left: %v", d.path, err)
	}
}

func TestNodesGetTheFlagsThatKeepThemSafe(t *testing.T) {
	p := place{name: "memgraph-1", dir: filepath.Join(t.TempDir(), "memgraph-1"), bolt: 7701, replication: 10001, control: 7711, monitoring: 7451}
	if err := p.settle(); err != nil {
		t.Fatal(err)
	}
	init, err := os.ReadFile(filepath.Join(p.dir, "init.cypherl"))
	if want := "SET REPLICATION ROLE TO REPLICA WITH PORT 10001;\n"; err != nil || string(init) != want {
		t.Errorf("init file = %q, %v; want %q: nodes are born as REPLICA (P4)", init, err, want)
	}
	safe := []string{
		"--storage-wal-enabled=true", "--replication-restore-state-on-startup=true", "--data-recovery-on-startup=true",
		"--storage-snapshot-on-exit=false", "--bolt-address=127.0.0.1", "--bolt-port=7701", "--init-file=" + filepath.Join(p.dir, "init.cypherl"),
	}
	standin, real := Server{Version: "3.6.2"}.node("standin", p), Server{Memgraph: "memgraph"}.node("memgraph", p)
	for _, flag := range safe {
		if !slices.Contains(standin.Args, flag) || !slices.Contains(real.Args, flag) {
			t.Errorf("a node lacks %s", flag)
		}
	}
	if !slices.Contains(standin.Args, "--standin-version=3.6.2") || !slices.Contains(standin.Args, "--standin-control-port=7711") {
		t.Errorf("the stand-in gets %v", standin.Args)
	}
	if slices.ContainsFunc(real.Args, func(a string) bool { return strings.HasPrefix(a, "--standin") }) || !slices.Contains(real.Args, "--monitoring-port=7451") {
		t.Errorf("a real server gets %v", real.Args)
	}
}

func TestValuesThatCannotBeUsedAreRefusedByName(t *testing.T) {
	for _, tt := range []struct {
		o    Options
		want string
	}{
		{Options{RestartAfter: -3 * time.Second}, "restart-after -3s"},
		{Options{FailAfter: time.Millisecond}, "fail-after 1ms"},
		{Options{FirstPort: 60000}, "first port 60000"},
		{Options{Server: Server{Memgraph: "memgraph", Version: "3.6.2"}}, "want one of them"},
	} {
		if s, err := Open(t.Context(), tt.o); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%+v: %v, %v; want an error that says %q", tt.o, s, err, tt.want)
		}
	}
}

func TestMissingServerSaysWhatToRun(t *testing.T) {
	for _, tt := range []struct {
		s    Server
		want string
	}{
		{Server{}, "run `make sandbox`"},
		{Server{Standin: "/nowhere/standin"}, "go build -o bin/memgraph-standin ./cmd/memgraph-standin"},
		{Server{Memgraph: "/nowhere/memgraph"}, "give its path with --memgraph"},
	} {
		if _, err := tt.s.program(); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%+v: %v; want an error that says %q", tt.s, err, tt.want)
		}
	}
}
