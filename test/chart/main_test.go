//go:build chart

package chart

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"
)

// Where things are, seen from the directory of the tests.
const (
	repository = "../.."
	chartDir   = repository + "/charts/memgraph-ha"
	valuesDir  = "values"
	schemaDir  = "schemas"
)

var rewrite = flag.Bool("rewrite", false, "write testdata and the chart's README.md anew")

// The programs, by their paths.
var helm, kubeconform string

func TestMain(m *testing.M) {
	flag.Parse()
	if err := findPrograms(); err != nil {
		fmt.Fprintln(os.Stderr, "chart:", err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func findPrograms() error {
	var group errgroup.Group
	for name, path := range map[string]*string{"helm": &helm, "kubeconform": &kubeconform} {
		group.Go(func() (err error) {
			*path, err = program(name)
			return err
		})
	}
	return group.Wait()
}

// program returns the binary that the environment names, or the one of the module
// tools/chart, which the go command builds if it has not yet.
func program(name string) (string, error) {
	variable := strings.ToUpper(name)
	if path := os.Getenv(variable); path != "" {
		return filepath.Abs(path)
	}
	command := exec.Command("go", "tool", "-modfile=tools/chart/go.mod", "-n", name)
	command.Dir = repository
	out, err := command.Output()
	if err != nil {
		return "", fmt.Errorf("build %s: %w: set %s to a binary: %s", name, err, variable, stderrOf(err))
	}
	return strings.TrimSpace(string(out)), nil
}

// stderrOf returns what a command that failed has complained.
func stderrOf(err error) string {
	var failed *exec.ExitError
	if errors.As(err, &failed) {
		return string(failed.Stderr)
	}
	return ""
}

// run starts a program away from the user's clusters and helm repositories, and
// returns what it printed; its complaint is in the error.
func run(t *testing.T, name string, args ...string) (string, error) {
	t.Helper()
	command := exec.CommandContext(t.Context(), name, args...)
	home := t.TempDir()
	command.Env = append(os.Environ(), "KUBECONFIG="+os.DevNull, "HELM_CACHE_HOME="+home, "HELM_CONFIG_HOME="+home, "HELM_DATA_HOME="+home)
	out, err := command.Output()
	if err != nil {
		err = fmt.Errorf("%s %s: %w: %s", filepath.Base(name), strings.Join(args, " "), err, stderrOf(err))
	}
	return string(out), err
}
