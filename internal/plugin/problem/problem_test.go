package problem_test

import (
	"errors"
	"fmt"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"memgraph-controller/internal/plugin/problem"
)

func TestCode(t *testing.T) {
	for _, c := range []struct {
		err  error
		want int
	}{
		{nil, 0},
		{errors.New("refused"), 1},
		{problem.Usage(errors.New("no such node")), 2},
		{fmt.Errorf("switchover: %w", problem.TimedOut(errors.New("late"))), 3},
	} {
		if got := problem.Code(c.err); got != c.want {
			t.Errorf("Code(%v) = %d, want %d", c.err, got, c.want)
		}
	}
}

func TestExplain(t *testing.T) {
	act := problem.Act{Verb: "patch", Resource: "configmaps", Name: "state", Namespace: "shop"}
	gr := schema.GroupResource{Resource: "configmaps"}
	for _, c := range []struct {
		name string
		err  error
		want string
	}{
		{
			"no permission", apierrors.NewForbidden(gr, "state", errors.New("no")),
			`you may not patch configmaps "state" in namespace shop: ask an administrator for it (kubectl create role NAME --verb=patch --resource=configmaps -n shop, and bind it), or use another --context`,
		},
		{
			"not logged in", apierrors.NewUnauthorized("token expired"),
			"the API server at https://k:6443 does not know you: log in again, or use another --context: token expired",
		},
		{
			"unreachable", errors.New("dial tcp: connection refused"),
			"the API server at https://k:6443 does not answer: dial tcp: connection refused; see whether kubectl version reaches it, and which server --context, --kubeconfig and KUBECONFIG name",
		},
		{
			"anything else", apierrors.NewNotFound(gr, "state"),
			`patch configmaps "state" in namespace shop: configmaps "state" not found`,
		},
	} {
		err := problem.Explain(c.err, act, "https://k:6443")
		if err.Error() != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.name, err, c.want)
		}
		if !errors.Is(err, c.err) {
			t.Errorf("%s: the original error is lost", c.name)
		}
	}
	if err := problem.Explain(nil, act, ""); err != nil {
		t.Errorf("Explain(nil) = %v", err)
	}
}
