package sandbox

import (
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"

	"memgraph-controller/internal/cluster"
	"memgraph-controller/internal/inmemory"
)

// buildDir is where the stand-in is built for the tests of this package.
var buildDir string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "sandbox-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	buildDir = dir
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		os.RemoveAll(dir)
		os.Exit(code)
	}))
}

// newObjects returns objects that hold a record.
func newObjects(r cluster.Record) *inmemory.Objects {
	o := inmemory.New()
	o.Put(r.Encode())
	return o
}
