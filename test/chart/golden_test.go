//go:build chart

package chart

import (
	"os"
	"path/filepath"
	"testing"
)

// TestGolden keeps whole renderings, so that whoever changes the chart sees in git
// diff what it changes, and so does whoever reviews it.
func TestGolden(t *testing.T) {
	for _, set := range []string{"defaults", "everything-on"} {
		t.Run(set, func(t *testing.T) {
			path := filepath.Join("testdata", set+".yaml")
			got := render(t, set).text
			if *rewrite {
				if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if got != read(t, path) {
				t.Errorf("%s is not what helm renders now: make chart-rewrite, and read git diff", path)
			}
		})
	}
}
