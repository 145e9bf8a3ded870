package kube

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	authorizationv1 "k8s.io/api/authorization/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// grant sets what the API server says this controller may do.
func (w *world) grant(incomplete bool, rules ...authorizationv1.ResourceRule) {
	w.t.Helper()
	raw, err := json.Marshal(authorizationv1.SelfSubjectRulesReview{Status: authorizationv1.SubjectRulesReviewStatus{ResourceRules: rules, Incomplete: incomplete}})
	if err != nil {
		w.t.Fatal(err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.rules = raw
}

// chartRules are those of the chart's Role.
func chartRules() []authorizationv1.ResourceRule {
	all := []string{"get", "list", "watch", "create", "update", "patch", "delete"}
	return []authorizationv1.ResourceRule{
		{APIGroups: []string{"coordination.k8s.io"}, Resources: []string{"leases"}, Verbs: all},
		{APIGroups: []string{""}, Resources: []string{"configmaps"}, Verbs: all},
		{APIGroups: []string{""}, Resources: []string{"pods"}, Verbs: []string{"get", "list", "watch", "delete"}},
		{APIGroups: []string{""}, Resources: []string{"pods/status"}, Verbs: []string{"patch"}},
		{APIGroups: []string{""}, Resources: []string{"events"}, Verbs: []string{"create", "patch"}},
	}
}

func TestMissingRights(t *testing.T) {
	without := func(resource, verb string) []authorizationv1.ResourceRule {
		rules := chartRules()
		for i, r := range rules {
			if r.Resources[0] == resource {
				rules[i].Verbs = slices.DeleteFunc(slices.Clone(r.Verbs), func(v string) bool { return v == verb })
			}
		}
		return rules
	}
	named := chartRules()
	named[0].ResourceNames, named[1].ResourceNames = []string{"leader"}, []string{"state"}
	foreign := chartRules()
	foreign[1].ResourceNames = []string{"another"}
	for name, c := range map[string]struct {
		rules []authorizationv1.ResourceRule
		want  []string
	}{
		"the chart's":       {chartRules(), nil},
		"everything":        {[]authorizationv1.ResourceRule{{APIGroups: []string{"*"}, Resources: []string{"*"}, Verbs: []string{"*"}}}, nil},
		"limited by name":   {named, nil},
		"no patch of pods":  {without("pods/status", "patch"), []string{"may not patch pods/status"}},
		"no watch of pods":  {without("pods", "watch"), []string{"may not watch pods in"}},
		"no lease update":   {without("leases", "update"), []string{"may not update leases"}},
		"of another's name": {foreign, []string{"get configmaps", "list configmaps", "watch configmaps", "create configmaps", "patch configmaps"}},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				w.grant(false, c.rules...)
				got, err := w.Missing(w.ctx)
				if err != nil || len(got) != len(c.want) {
					t.Fatalf("Missing = %q, %v; want %q", got, err, c.want)
				}
				for i, want := range c.want {
					if !strings.Contains(got[i], want) || !strings.Contains(got[i], "namespace ns") {
						t.Errorf("Missing says %q; want it to say %q and the namespace", got[i], want)
					}
				}
			})
		})
	}
}

func TestRightsThatCannotBeListed(t *testing.T) {
	inWorld(t, func(w *world) {
		w.grant(true)
		if got, err := w.Missing(w.ctx); len(got) != 0 || err != nil {
			t.Fatalf("Missing with an authorizer that cannot list rules = %q, %v; want nothing", got, err)
		}
		w.down()
		if _, err := w.Missing(w.ctx); err == nil || !strings.Contains(err.Error(), "ask what this controller may do") {
			t.Fatalf("Missing in an outage: %v; want an error", err)
		}
	})
}

func TestExplainNamesTheNextStep(t *testing.T) {
	err := apierrors.NewForbidden(schema.GroupResource{Resource: "configmaps"}, "state", fmt.Errorf("User %q cannot patch resource %q", "u", "configmaps"))
	got := Explain(fmt.Errorf("swap the record: %w", err))
	if !apierrors.IsForbidden(got) || !strings.Contains(got.Error(), `cannot patch resource "configmaps"`) || !strings.Contains(got.Error(), "kubectl describe role") {
		t.Fatalf("Explain = %v; want the right, the next step, and the error kept", got)
	}
	other := apierrors.NewConflict(schema.GroupResource{Resource: "configmaps"}, "state", nil)
	if got := Explain(other); got != error(other) { //nolint:errorlint // the same, not a like one
		t.Fatalf("Explain of a conflict = %v; want it as it is", got)
	}
}
