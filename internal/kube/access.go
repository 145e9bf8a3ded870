package kube

import (
	"context"
	"fmt"
	"slices"

	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// need is one thing the controller does to the API.
type need struct{ group, resource, verb, purpose string }

// needs is all it does.
var needs = []need{
	{"coordination.k8s.io", "leases", "get", "lead"},
	{"coordination.k8s.io", "leases", "create", "lead"},
	{"coordination.k8s.io", "leases", "update", "lead"},
	{"", "configmaps", "get", "keep the record"},
	{"", "configmaps", "list", "follow the record"},
	{"", "configmaps", "watch", "follow the record"},
	{"", "configmaps", "create", "keep the record"},
	{"", "configmaps", "patch", "keep the record"},
	{"", "pods", "get", "find the other controllers"},
	{"", "pods", "list", "see the nodes"},
	{"", "pods", "watch", "see the nodes"},
	{"", "pods", "delete", "restart a node"},
	{"", "pods/status", "patch", "keep the readiness gate"},
	{"", "events", "create", "tell what happens"},
	{"", "events", "patch", "tell what happens again"},
}

// Missing asks once what this controller may do and returns a sentence for each
// thing it needs and may not. Every service account may ask for its own rules. An
// authorizer that cannot list rules makes the answer empty, not wrong.
func (c *Cluster) Missing(ctx context.Context) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	review, err := c.api.AuthorizationV1().SelfSubjectRulesReviews().Create(ctx, &authorizationv1.SelfSubjectRulesReview{
		Spec: authorizationv1.SelfSubjectRulesReviewSpec{Namespace: c.Namespace},
	}, metav1.CreateOptions{})
	if err != nil {
		return nil, fmt.Errorf("ask what this controller may do: %w", err)
	}
	if review.Status.Incomplete {
		return nil, nil
	}
	var missing []string
	for _, n := range needs {
		if !c.granted(review.Status.ResourceRules, n) {
			missing = append(missing, fmt.Sprintf("may not %s %s in namespace %s, which it takes to %s", n.verb, n.resource, c.Namespace, n.purpose))
		}
	}
	return missing, nil
}

func (c *Cluster) granted(rules []authorizationv1.ResourceRule, n need) bool {
	has := func(list []string, want string) bool {
		return slices.Contains(list, want) || slices.Contains(list, "*")
	}
	for _, r := range rules {
		named := len(r.ResourceNames) == 0 || slices.Contains(r.ResourceNames, c.Record) || slices.Contains(r.ResourceNames, c.Lease)
		if named && has(r.APIGroups, n.group) && has(r.Resources, n.resource) && has(r.Verbs, n.verb) {
			return true
		}
	}
	return false
}
