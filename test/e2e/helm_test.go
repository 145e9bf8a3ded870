//go:build e2e

package e2e

import (
	"strings"
	"testing"
)

// What a user runs after an installation says yes while the cluster serves.
func TestHelmTest(t *testing.T) {
	r := shared(t)
	underWrites(t, r, func(*Load) {
		main := get(t, r.Main)
		out, err := place.Command(t.Context(), "helm", "test", r.Name, "--namespace", r.Namespace, "--logs", "--timeout", "2m")
		must(t, err)
		if !strings.Contains(out, main+" is MAIN") {
			t.Errorf("helm test does not name %s as MAIN:\n%s", main, out)
		}
	})
}
