package mutant

import (
	"os"
	"path/filepath"
	"testing"
)

// Every mutant fits the source that it breaks, and there are enough of them.
func TestMutantsFit(t *testing.T) {
	names := map[string]bool{}
	for _, m := range All() {
		if names[m.Name] {
			t.Errorf("two mutants are called %s", m.Name)
		}
		names[m.Name] = true
		source, err := os.ReadFile(filepath.Join("..", "..", "..", m.File))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := m.Apply(string(source)); err != nil {
			t.Error(err)
		}
	}
	if len(names) < 25 {
		t.Errorf("%d mutants, want at least 25", len(names))
	}
}
