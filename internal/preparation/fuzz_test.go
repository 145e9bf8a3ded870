package preparation

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"memgraph-controller/internal/cluster"
)

// FuzzRecord mounts a record of which one key is anything. The data is moved as a
// whole and only on a request that names an earlier pod, or not touched at all.
func FuzzRecord(f *testing.F) {
	f.Add("rebuild", `[{"node":1,"process":{"id":"`+process0+`"},"reason":"x"}]`)
	f.Add("rebuild", `[{"node":1,"process":{"id":"/"}},{"node":-1}]`)
	f.Add("rebuild", `[{"node":1}]`)
	f.Add("discard", `[{"node":1,"process":{"id":"`+process0+`"}}]`)
	f.Add("masterIndex", "1")
	f.Add("target", "1")
	f.Add("stage", "promoting")
	f.Add("heirs", `[{"node":1}]`)
	f.Add(".hidden", "\x00")
	f.Add("..2026", "x")
	f.Fuzz(func(t *testing.T, key, text string) {
		if key == "" || key == "." || strings.ContainsAny(key, "/\x00") || len(key) > 200 || strings.HasPrefix(key, "..") {
			return
		}
		n := newNode(t)
		n.record(nil)
		path := filepath.Join(n.opt.StateDirectory, "..data", key)
		must(t, os.WriteFile(path, []byte(text), 0o600))
		out, err := Run(t.Context(), n.opt)
		left := n.files("")
		rec, readErr := readRecord(n.opt.StateDirectory)
		if out.Moved == "" {
			if !maps.Equal(left, oldData()) || len(n.aside()) != 0 {
				t.Fatalf("said to have left the data alone (%v), which is %v and %v", err, left, n.aside())
			}
			return
		}
		b, asked := cluster.Rebuild{}, false
		if readErr == nil && rec != nil {
			b, asked = rec.Rebuild(1)
		}
		if err != nil || len(left) != 0 || !asked || !strings.Contains(b.Process.ID, "/") || strings.HasPrefix(b.Process.ID, podUID+"/") || rec.Main == 1 {
			t.Fatalf("data was moved (%v), left %v, with the record %+v, %v", err, left, rec, readErr)
		}
	})
}

// FuzzNotes reads whatever may stand in journal and done.
func FuzzNotes(f *testing.F) {
	f.Add([]byte(`{"moves":[{"process":"a/1","to":"20261123T120000.000000Z-rebuild","reason":"r","began":"2026-11-23T12:00:00Z"}]}`))
	f.Add([]byte(`{"moves":[{"process":"a/1","to":"../x"}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		l, err := parse(text)
		if err != nil {
			return
		}
		for _, e := range l.Moves {
			if !filepath.IsLocal(e.To) || filepath.Base(e.To) != e.To || e.Process == "" {
				t.Fatalf("%q gives a move to %q for %q", text, e.To, e.Process)
			}
		}
	})
}
