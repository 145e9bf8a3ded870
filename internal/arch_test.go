package internal_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "memgraph-controller/"

// rooms says, for each package, which of its neighbours it may know. A new
// package fails the test until its author decides where it belongs.
var rooms = map[string][]string{
	"internal/cluster":     {},
	"internal/controller":  {"internal/cluster"},
	"internal/election":    {},
	"internal/gateway":     {"internal/bolt", "internal/tcp"},
	"internal/inmemory":    {"internal/cluster"},
	"internal/bolt":        {},
	"internal/tcp":         {},
	"internal/certificate": {},
	"internal/memgraph":    {"internal/bolt", "internal/cluster", "internal/tcp"},
	"internal/kube":        {"internal/cluster", "internal/controller", "internal/aside"},
	"internal/aside":       {},
	"internal/preparation": {"internal/cluster", "internal/aside"},
	"internal/prestop":     {"internal/cluster"},
	"internal/config":      {"internal/cluster", "internal/election", "internal/memgraph"},
	"internal/app": {
		"internal/cluster", "internal/controller", "internal/election", "internal/gateway", "internal/memgraph",
	},
	"internal/api":       {"internal/app", "internal/cluster", "internal/controller", "internal/gateway"},
	"internal/dashboard": {},
	"internal/metrics":   {"internal/app", "internal/cluster", "internal/controller", "internal/gateway"},
}

// apart are programs of their own beside the controller: they may know the
// rooms listed, and nobody among the rooms may know them.
var apart = map[string][]string{
	"internal/standin": {"internal/standin"},
	"internal/sandbox": {
		"internal/sandbox", "internal/api", "internal/app", "internal/dashboard", "internal/cluster", "internal/controller", "internal/election",
		"internal/gateway", "internal/inmemory", "internal/memgraph", "internal/metrics", "internal/standin/control", "internal/aside",
		"internal/prestop",
	},
	"cmd/memgraph-controller": {
		"internal/api", "internal/app", "internal/certificate", "internal/cluster", "internal/dashboard", "internal/gateway", "internal/config", "internal/controller", "internal/kube",
		"internal/metrics", "internal/preparation", "internal/prestop",
	},
	"internal/plugin":      {"internal/plugin", "internal/api", "internal/cluster", "internal/kube"},
	"cmd/kubectl-memgraph": {"internal/plugin", "internal/cluster"},
	"cmd/memgraph-standin": {"internal/standin"},
	"cmd/sandbox":          {"internal/sandbox"},
	"test/contract":        {"test/contract", "internal/standin/control"},
	"test/lab":             {"test/lab"},
	"test/chart":           {"test/chart"},
	"test/gatewaybench":    {"test/gatewaybench", "test/selfsigned", "internal/bolt", "internal/gateway"},
	"test/selfsigned":      {},
	"test/sim":             {"test/sim", "internal/cluster", "internal/controller", "internal/inmemory"},
	"test/browser":         {"test/browser", "internal/api", "internal/app", "internal/cluster", "internal/controller", "internal/dashboard", "internal/sandbox"},
	"test/board":           {"test/board", "internal/sandbox"},
	"test/e2e":             {"test/e2e", "test/lab", "test/selfsigned", "internal/api", "internal/sandbox/bench"},
	"test/drivers":         {"test/drivers", "test/e2e", "internal/cluster", "internal/sandbox"},
}

// impure lists what would let the outside world into a pure room.
var impure = map[string][]string{
	"internal/bolt":    {"context", "log", "log/slog", "math/rand", "math/rand/v2", "net", "os", "sync", "sync/atomic", "time"},
	"internal/cluster": {"context", "log", "log/slog", "math/rand", "math/rand/v2", "net", "os", "sync", "sync/atomic"},
}

// TestRooms reads every import with go/parser: a test that asked the go command
// would be cached as passing after a bad import was added.
func TestRooms(t *testing.T) {
	seen := map[string]bool{}
	for dir, files := range packages(t) {
		home := room(dir)
		if home == "" {
			t.Errorf("%s belongs to no room: add it to rooms or apart in this test", dir)
			continue
		}
		seen[home] = true
		for _, f := range files {
			if strings.HasSuffix(f.name, "_test.go") {
				continue
			}
			for _, imp := range f.imports {
				checkImport(t, home, f.name, imp)
			}
		}
	}
	for home := range rooms {
		if !seen[home] {
			t.Errorf("room %s is empty: take it out of this test", home)
		}
	}
}

func checkImport(t *testing.T, home, file, imp string) {
	t.Helper()
	if slices.Contains(impure[home], imp) {
		t.Errorf("%s imports %s: %s is pure", file, imp, home)
	}
	ours, ok := strings.CutPrefix(imp, module)
	if !ok {
		return
	}
	allowed, isRoom := rooms[home]
	if !isRoom {
		allowed = apart[home]
	}
	within := func(a string) bool { return ours == a || strings.HasPrefix(ours, a+"/") }
	if !within(home) && !slices.ContainsFunc(allowed, within) {
		t.Errorf("%s imports %s: %s may only know %v", file, imp, home, allowed)
	}
}

// room returns the room or program that owns the package in dir, "" if none does.
func room(dir string) string {
	best := ""
	for _, m := range []map[string][]string{rooms, apart} {
		for home := range m {
			if (dir == home || strings.HasPrefix(dir, home+"/")) && len(home) > len(best) {
				best = home
			}
		}
	}
	return best
}

// TestPackageDocs checks that every package says what it does, in one place.
func TestPackageDocs(t *testing.T) {
	for dir, files := range packages(t) {
		docs := 0
		for _, f := range files {
			if f.documented && !strings.HasSuffix(f.name, "_test.go") {
				docs++
			}
		}
		if docs != 1 {
			t.Errorf("%s has %d package docs, want 1", dir, docs)
		}
	}
}

type file struct {
	name       string
	imports    []string
	documented bool
}

// packages returns the files of every package of the module, by directory.
func packages(t *testing.T) map[string][]file {
	t.Helper()
	found := map[string][]file{}
	for _, top := range []string{"cmd", "internal", "test"} {
		err := filepath.WalkDir(filepath.Join("..", top), func(p string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || filepath.Ext(p) != ".go" {
				return err
			}
			name := strings.TrimPrefix(filepath.ToSlash(p), "../")
			if dir := path.Dir(name); dir != "internal" {
				found[dir] = append(found[dir], parse(t, p, name))
			}
			return nil
		})
		if err != nil {
			t.Fatalf("read %s: %v", top, err)
		}
	}
	return found
}

func parse(t *testing.T, p, name string) file {
	t.Helper()
	src, err := parser.ParseFile(token.NewFileSet(), p, nil, parser.ImportsOnly|parser.ParseComments)
	if err != nil {
		t.Fatalf("parse %s: %v", name, err)
	}
	f := file{name: name, documented: src.Doc != nil && isDoc(src)}
	for _, imp := range src.Imports {
		s, err := strconv.Unquote(imp.Path.Value)
		if err != nil {
			t.Fatalf("parse %s: %v", name, err)
		}
		f.imports = append(f.imports, s)
	}
	return f
}

func isDoc(src *ast.File) bool { return strings.TrimSpace(src.Doc.Text()) != "" }
