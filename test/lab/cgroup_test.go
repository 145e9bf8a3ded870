package lab

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// tree makes files with their directories, by path and content.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	top := t.TempDir()
	for path, content := range files {
		path = filepath.Join(top, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return top
}

// inherited are the hierarchies of cgroups version 1 with the controllers named.
func inherited(controllers ...string) map[string]string {
	files := map[string]string{}
	for _, name := range controllers {
		files[name+"/cgroup.procs"] = ""
	}
	return files
}

func TestMissingCgroups(t *testing.T) {
	for name, test := range map[string]struct {
		files map[string]string
		want  string
	}{
		"version 2":                 {map[string]string{"cgroup.controllers": "cpuset cpu io memory pids\n"}, ""},
		"version 2 without some":    {map[string]string{"cgroup.controllers": "cpu io\n"}, "cpuset memory pids"},
		"version 1":                 {inherited("cpu", "cpuset", "memory", "pids", "cpuacct", "freezer", "devices"), ""},
		"version 1 without freezer": {inherited("cpu", "cpuset", "memory", "pids", "cpuacct", "devices"), "freezer"},
		"version 1, some alone":     {inherited("systemd", "unified", "cpu"), "cpuset memory pids cpuacct freezer devices"},
		"a name that only begins":   {map[string]string{"cgroup.controllers": "cpuset memory pids cpux"}, "cpu"},
		"nothing mounted":           {nil, "cpu cpuset memory pids cpuacct freezer devices"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := strings.Join(missingCgroups(tree(t, test.files)), " "); got != test.want {
				t.Errorf("missing: %q, want %q", got, test.want)
			}
		})
	}
}

func TestHierarchies(t *testing.T) {
	one := tree(t, map[string]string{"cgroup.controllers": "cpu", "cgroup.procs": "", "system.slice/cgroup.procs": ""})
	if got := hierarchies(one); !slices.Equal(got, []string{one}) {
		t.Errorf("version 2 has the hierarchies %q, want its top alone", got)
	}
	many := tree(t, map[string]string{"cpu/cgroup.procs": "", "memory/cgroup.procs": "", "memory/child/cgroup.procs": "", "empty/file": ""})
	if got, want := hierarchies(many), []string{many + "/cpu", many + "/memory"}; !slices.Equal(got, want) {
		t.Errorf("version 1 has the hierarchies %q, want %q", got, want)
	}
}

func TestFrozen(t *testing.T) {
	for name, test := range map[string]struct {
		files map[string]string
		want  bool
	}{
		"version 1 thawed":   {map[string]string{"freezer/pod/freezer.state": "THAWED\n"}, false},
		"version 1 half way": {map[string]string{"freezer/pod/freezer.state": "FREEZING\n"}, false},
		"version 1 frozen":   {map[string]string{"freezer/pod/freezer.state": "FROZEN\n"}, true},
		"version 2 thawed":   {map[string]string{"cgroup.controllers": "", "pod/cgroup.events": "populated 1\nfrozen 0\n"}, false},
		"version 2 frozen":   {map[string]string{"cgroup.controllers": "", "pod/cgroup.events": "populated 1\nfrozen 1\n"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := freezerOf(tree(t, test.files), "/pod").frozen()
			if err != nil || got != test.want {
				t.Errorf("frozen: %v, %v; want %v", got, err, test.want)
			}
		})
	}
}

func TestProcesses(t *testing.T) {
	top := tree(t, map[string]string{"freezer/pod/cgroup.procs": "17\n4711\n", "freezer/odd/cgroup.procs": "17\n0\n", "freezer/empty/cgroup.procs": ""})
	for path, want := range map[string][]int{"/pod": {17, 4711}, "/empty": nil, "/gone": nil} {
		if got, err := processes(top, path); err != nil || !slices.Equal(got, want) {
			t.Errorf("processes of %s: %v, %v; want %v", path, got, err, want)
		}
	}
	// Process 0 stands for one of another namespace: to signal it is to signal ourselves.
	if got, err := processes(top, "/odd"); err == nil {
		t.Errorf("processes of /odd: %v, want an error", got)
	}
}
