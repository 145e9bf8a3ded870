//go:build chart

package chart

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
)

// A pod whose command its program does not know never runs.
func TestCommandsExist(t *testing.T) {
	t.Parallel()
	program := filepath.Join(t.TempDir(), "memgraph-controller")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", program, "./cmd/memgraph-controller")
	build.Dir = repository
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the controller: %v: %s", err, out)
	}
	r := render(t, "defaults")
	hook := memgraph(t, r).Lifecycle.PreStop.Exec.Command[1:]
	for _, args := range [][]string{controller(t, r).Args, prepareNode(t, r).Args, hook, one[*corev1.Pod](t, r, "mg-test").Spec.Containers[0].Args} {
		// With --help a command checks its flags and does nothing.
		out, err := run(t, program, append(args, "--help")...)
		if err != nil || !strings.Contains(out, "memgraph-controller "+args[0]) {
			t.Errorf("memgraph-controller %s: %v", strings.Join(args, " "), err)
		}
		if out, err := run(t, program, args[0], "--no-such-flag", "--help"); err == nil {
			t.Errorf("memgraph-controller %s takes any flag: %s", args[0], out)
		}
	}
}
