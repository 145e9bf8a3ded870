package nodes

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"memgraph-controller/internal/cluster"
)

func put(t *testing.T, data, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(data, "wal"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func kept(t *testing.T, data string) []string {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(data))
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), filepath.Base(data)+".") && e.IsDir() {
			found = append(found, e.Name())
		}
	}
	return found
}

func TestWipeKeepsTheDataAside(t *testing.T) {
	o := options(t.TempDir(), "serve")
	s, _ := running(t, o)
	data := o.Nodes[0].Data
	wait(t, "the node runs", up(s, 0))
	put(t, data, "precious")
	if err := s.Wipe(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	wait(t, "it runs again", func() bool { return s.Info(0).Starts == 2 })
	if left, _ := os.ReadDir(data); len(left) != 0 {
		t.Errorf("the new data directory holds %v; want it empty", left)
	}
	aside := kept(t, data)
	if len(aside) != 1 || !strings.HasPrefix(aside[0], "memgraph-0.wiped-") {
		t.Fatalf("kept aside: %v; want one memgraph-0.wiped-…", aside)
	}
	if text, err := os.ReadFile(filepath.Join(filepath.Dir(data), aside[0], "wal")); string(text) != "precious" {
		t.Errorf("the data kept aside = %q, %v; want them whole", text, err)
	}
}

func TestPrepareIsToldTheLastProcessAndMovesDivergedDataAside(t *testing.T) {
	o := options(t.TempDir(), "serve")
	var mu sync.Mutex
	var told []cluster.Process
	o.Prepare = func(_ cluster.Ordinal, last cluster.Process) (string, error) {
		mu.Lock()
		defer mu.Unlock()
		told = append(told, last)
		if last.Known() {
			return "diverged-4", nil
		}
		return "", nil
	}
	s, _ := running(t, o)
	wait(t, "the node runs", up(s, 0))
	first := s.State(0).Process
	put(t, o.Nodes[0].Data, "diverged")
	if err := s.Restart(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	wait(t, "it runs again", func() bool { return s.Info(0).Starts == 2 })
	mu.Lock()
	defer mu.Unlock()
	if want := []cluster.Process{{}, first}; !slices.Equal(told, want) {
		t.Errorf("Prepare was told %v; want %v", told, want)
	}
	if aside := kept(t, o.Nodes[0].Data); len(aside) != 1 || !strings.HasPrefix(aside[0], "memgraph-0.diverged-4-") {
		t.Errorf("kept aside: %v; want one memgraph-0.diverged-4-…", aside)
	}
}

func TestOnlyTheNewestDataOfAKindAreKept(t *testing.T) {
	data := filepath.Join(t.TempDir(), "memgraph-0")
	at := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	for i, kind := range []string{"diverged-9", "diverged-10", "wiped", "diverged-11", "diverged-100"} {
		if err := os.Mkdir(data, 0o700); err != nil {
			t.Fatal(err)
		}
		put(t, data, kind)
		if _, err := moveAside(data, kind, at.Add(time.Duration(i)*time.Minute)); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{
		"memgraph-0.diverged-10-20261123T090100.000000Z",
		"memgraph-0.diverged-100-20261123T090400.000000Z",
		"memgraph-0.diverged-11-20261123T090300.000000Z",
		"memgraph-0.wiped-20261123T090200.000000Z",
	}
	if got := kept(t, data); !slices.Equal(got, want) {
		t.Errorf("kept aside:\n%s\nwant the newest three diverged and the wiped one:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if to, err := moveAside(data, "wiped", at); to != "" || err != nil {
		t.Errorf("moving aside nothing = %q, %v; want nothing", to, err)
	}
}
