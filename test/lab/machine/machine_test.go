package machine

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestSplitPath(t *testing.T) {
	for path, want := range map[string][]string{
		"lab/n1": {"lab", "n1"}, "/lab/n1/": {"lab", "n1"}, "lab": {"lab"}, "lab//n1/..": {"lab"}, "": nil, "/": nil, ".": nil,
	} {
		if got := splitPath(path); !slices.Equal(got, want) {
			t.Errorf("%q is split into %q, want %q", path, got, want)
		}
	}
}

// cgroups makes a hierarchy of version 1 whose parent may use two processors.
func cgroups(t *testing.T) string {
	t.Helper()
	top := t.TempDir()
	for _, dir := range []string{"cpuset/lab/n1/pods/one", "cpuset/lab/n2", "memory", "unified"} {
		if err := os.MkdirAll(filepath.Join(top, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for path, content := range map[string]string{
		"cpuset/cgroup.procs": "", "memory/cgroup.procs": "", "unified/cgroup.procs": "", "cpuset/cpuset.cpus": "0-1", "cpuset/cpuset.mems": "0",
	} {
		if err := os.WriteFile(filepath.Join(top, path), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return top
}

func TestMakeCgroups(t *testing.T) {
	top := cgroups(t)
	for _, file := range []string{"lab/cpuset.cpus", "lab/cpuset.mems", "lab/n1/cpuset.cpus", "lab/n1/cpuset.mems"} {
		// The kernel makes these with the directory.
		if err := os.WriteFile(filepath.Join(top, "cpuset", file), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := makeCgroups(top, "lab/n1"); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]bool{
		"cpuset/lab/n1": true, "memory/lab/n1": true, "unified/lab": false,
		"cpuset/lab/n1/pods": false, // of an earlier life
		"cpuset/lab/n2":      true,  // another machine's
	} {
		if _, err := os.Stat(filepath.Join(top, path)); (err == nil) != want {
			t.Errorf("%s: %v, want it to be there: %v", path, err, want)
		}
	}
	for path, want := range map[string]string{"cpuset/lab/n1/cpuset.cpus": "0-1", "cpuset/lab/n1/cpuset.mems": "0"} {
		if got, err := os.ReadFile(filepath.Join(top, path)); err != nil || string(got) != want {
			t.Errorf("%s is %q, %v; want %q", path, got, err, want)
		}
	}
}

func TestRemoveCgroups(t *testing.T) {
	top := cgroups(t)
	lab := filepath.Join(top, "cpuset/lab")
	// A file stands for what keeps a cgroup busy.
	busy := filepath.Join(lab, "n2", "process")
	if err := os.WriteFile(busy, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := RemoveCgroups(lab, true); err == nil {
		t.Error("a cgroup that is in use is removed")
	}
	if _, err := os.Stat(filepath.Join(lab, "n1")); err == nil {
		t.Error("the one that is not in use stays")
	}
	if err := os.Remove(busy); err != nil {
		t.Fatal(err)
	}
	if err := RemoveCgroups(lab, true); err != nil {
		t.Error(err)
	}
	if err := RemoveCgroups(lab, true); err != nil {
		t.Errorf("what is gone is not removed again: %v", err)
	}
}
