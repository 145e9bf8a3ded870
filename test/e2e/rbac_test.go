//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// What the Role grants is used, but for what is listed here with the reason.
var granted = map[string]string{
	"leases list":       "asked for by the plan: kubectl and dashboards list leases with the same account",
	"leases watch":      "asked for by the plan, as above",
	"leases patch":      "asked for by the plan: client-go's lock updates today, and may patch one day",
	"leases delete":     "asked for by the plan: a human who resets the election",
	"configmaps update": "asked for by the plan: the record is patched, with its resourceVersion",
	"configmaps delete": "asked for by the plan: a rollback deletes the record",
	"configmaps get":    "the record is followed by list and watch; get reads it anew after a conflict",
	"pods get":          "asked for when a replica looks for its siblings",
	"pods delete":       "only a node that hangs is restarted",
	"events patch":      "an Event that repeats",
}

// The controllers of every test so far had the chart's Role and nothing more: none
// of them was ever refused, and what was never used is known.
func TestTheRoleIsEnoughAndNoMore(t *testing.T) {
	needsLab(t)
	r := shared(t)
	underWrites(t, r, func(l *Load) {
		main := get(t, r.Main)
		resumes(t, l, Takeover, strike(t, func() error { return place.Lab.Kill(t.Context(), r.Namespace, main, Memgraph) }))
		must(t, r.Settle(t.Context(), settled))
		role, err := place.API.RbacV1().Roles(r.Namespace).Get(t.Context(), r.Name+"-controller", metav1.GetOptions{})
		must(t, err)
		all := rights(role.Rules)
		used := map[string]int{}
		requests, err := r.Requests(r.since)
		must(t, err)
		for _, q := range requests {
			used[q.What()]++
			if q.ResponseStatus.Code != http.StatusForbidden {
				continue
			}
			// An API server that has just started refuses everybody until it has read the
			// Roles: earlier tests have restarted it.
			if slices.Contains(all, q.What()) {
				t.Logf("refused although granted, by an API server that had just started: %s at %s", q.What(), q.RequestReceivedTimestamp.Format(time.TimeOnly))
			} else {
				t.Errorf("refused: %s %s", q.What(), q.ObjectRef.Name)
			}
		}
		for _, right := range all {
			if why, excused := granted[right]; used[right] == 0 && excused {
				t.Logf("granted and not used in this run: %s (%s)", right, why)
			} else if used[right] == 0 {
				t.Errorf("granted, never used, and nobody knows why: %s", right)
			}
			delete(used, right)
		}
		delete(used, "selfsubjectrulesreviews create") // everybody may ask what they may
		if len(used) > 0 {
			t.Errorf("used without a grant: %v", used)
		}
	})
}

// Whatever right is missing, the log says which.
func TestAMissingRightIsNamed(t *testing.T) {
	r := shared(t)
	underWrites(t, r, func(*Load) {
		roles := place.API.RbacV1().Roles(r.Namespace)
		role, err := roles.Get(t.Context(), r.Name+"-controller", metav1.GetOptions{})
		must(t, err)
		whole := role.DeepCopy().Rules
		defer func() {
			must(t, setRules(context.WithoutCancel(t.Context()), r, whole))
		}()
		for _, right := range rights(whole) {
			if !needed(right) {
				continue
			}
			resource, verb, _ := strings.Cut(right, " ")
			must(t, setRules(t.Context(), r, without(whole, resource, verb)))
			follower := anyFollower(t, r)
			must(t, place.API.CoreV1().Pods(r.Namespace).Delete(t.Context(), follower, metav1.DeleteOptions{}))
			want := fmt.Sprintf("may not %s %s in namespace %s", verb, resource, r.Namespace)
			must(t, Until(t.Context(), 30*time.Second, "a controller that says "+want, func(ctx context.Context) error {
				log, err := r.Logs(ctx, Controller)
				if err == nil && !has(log, want) {
					err = errors.New("none does")
				}
				return err
			}))
			must(t, setRules(t.Context(), r, whole))
		}
	})
}

// needed tells whether the controller itself needs the right.
func needed(right string) bool {
	why, excused := granted[right]
	return !excused || !strings.HasPrefix(why, "asked for by the plan")
}

func anyFollower(t *testing.T, r *Release) string {
	t.Helper()
	for name, s := range r.Statuses(t.Context()) {
		if !s.Leading {
			return name
		}
	}
	t.Fatal("no follower answers")
	return ""
}

func setRules(ctx context.Context, r *Release, rules []rbacv1.PolicyRule) error {
	roles := place.API.RbacV1().Roles(r.Namespace)
	role, err := roles.Get(ctx, r.Name+"-controller", metav1.GetOptions{})
	if err == nil {
		role.Rules = rules
		_, err = roles.Update(ctx, role, metav1.UpdateOptions{})
	}
	return err
}

// rights are "resource verb".
func rights(rules []rbacv1.PolicyRule) []string {
	var out []string
	for _, rule := range rules {
		for _, resource := range rule.Resources {
			for _, verb := range rule.Verbs {
				out = append(out, resource+" "+verb)
			}
		}
	}
	slices.Sort(out)
	return out
}

func without(rules []rbacv1.PolicyRule, resource, verb string) []rbacv1.PolicyRule {
	var out []rbacv1.PolicyRule
	for _, rule := range rules {
		rule := *rule.DeepCopy()
		if slices.Contains(rule.Resources, resource) {
			rule.Verbs = slices.DeleteFunc(rule.Verbs, func(v string) bool { return v == verb })
		}
		if len(rule.Verbs) > 0 { // a rule without verbs is invalid
			out = append(out, rule)
		}
	}
	return out
}
