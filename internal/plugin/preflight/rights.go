package preflight

import (
	"context"
	"fmt"
	"strings"
	"sync"

	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"memgraph-controller/internal/plugin/problem"
)

// right is something that may be done to a kind of object.
type right struct {
	group, resource, verb string
	why                   string // what it is needed for
}

func (r right) String() string { return r.act("").String() }

func (r right) act(namespace string) problem.Act {
	resource := r.resource
	if r.group != "" {
		resource += "." + r.group
	}
	return problem.Act{Verb: r.verb, Resource: resource, Namespace: namespace}
}

// creates are what helm creates for the chart.
func creates(v Values) []right {
	list := []right{
		{"apps", "deployments", "create", "the controllers"},
		{"apps", "statefulsets", "create", "the nodes"},
		{"", "services", "create", "the addresses"},
		{"", "configmaps", "create", "the init file"},
		{"", "secrets", "create", "helm's own notes of the release"},
		{"", "serviceaccounts", "create", "the identities of the pods"},
		{"policy", "poddisruptionbudgets", "create", "drains that wait"},
	}
	if v.RBAC.Create {
		list = append(list, right{"rbac.authorization.k8s.io", "roles", "create", "the controllers' rights"}, right{"rbac.authorization.k8s.io", "rolebindings", "create", "the controllers' rights"})
	}
	if v.NetworkPolicy.Enabled {
		list = append(list, right{"networking.k8s.io", "networkpolicies", "create", "networkPolicy.enabled"})
	}
	if v.Monitoring.ServiceMonitor.Enabled {
		list = append(list, right{"monitoring.coreos.com", "servicemonitors", "create", "monitoring.serviceMonitor.enabled"})
	}
	if v.Monitoring.PrometheusRule.Enabled {
		list = append(list, right{"monitoring.coreos.com", "prometheusrules", "create", "monitoring.prometheusRule.enabled"})
	}
	return list
}

// role is what the chart's Role grants. Kubernetes lets only those grant a right who
// have it, or may escalate.
var role = []right{
	{"coordination.k8s.io", "leases", "get list watch create update patch delete", ""},
	{"", "configmaps", "get list watch create update patch delete", ""},
	{"", "pods", "get list watch delete", ""},
	{"", "pods/status", "patch", ""},
	{"", "events", "create patch", ""},
}

// rights asks whether the caller may create what the chart creates.
func (c Cluster) rights(ctx context.Context, v Values) ([]Result, error) {
	const check = "rights"
	lacking, err := c.lacking(ctx, creates(v))
	if err != nil {
		return nil, err
	}
	var results []Result
	for _, r := range lacking {
		a := r.act(c.Namespace)
		results = append(results, Result{check, Fails, fmt.Sprintf("you may not %s, for %s: ask an administrator for it (%s)", a, r.why, a.Grant())})
	}
	if v.RBAC.Create {
		granting, err := c.granting(ctx)
		if err != nil {
			return nil, err
		}
		results = append(results, granting...)
	}
	if len(results) == 0 {
		results = []Result{{check, OK, fmt.Sprintf("you may create what the chart creates in namespace %s", c.Namespace)}}
	}
	return results, nil
}

// granting asks whether the caller may grant what the Role grants.
func (c Cluster) granting(ctx context.Context) ([]Result, error) {
	escalate := right{group: "rbac.authorization.k8s.io", resource: "roles", verb: "escalate"}
	lacking, err := c.lacking(ctx, []right{escalate})
	if err != nil || len(lacking) == 0 {
		return nil, err
	}
	var granted []right
	for _, r := range role {
		for verb := range strings.FieldsSeq(r.verb) {
			granted = append(granted, right{group: r.group, resource: r.resource, verb: verb})
		}
	}
	if lacking, err = c.lacking(ctx, granted); err != nil || len(lacking) == 0 {
		return nil, err
	}
	names := make([]string, 0, len(lacking))
	for _, r := range lacking {
		names = append(names, r.String())
	}
	return []Result{{"rights", Fails, fmt.Sprintf("the Role would grant what you may not do yourself, and Kubernetes refuses that: %s; have an administrator install it, or make the Role and set rbac.create=false",
		strings.Join(names, ", "))}}, nil
}

// atOnce is how many questions about rights are on their way.
const atOnce = 8

// lacking returns those rights that the caller does not have.
func (c Cluster) lacking(ctx context.Context, rights []right) ([]right, error) {
	allowed := make([]bool, len(rights))
	errs := make([]error, len(rights))
	slots := make(chan struct{}, atOnce)
	var wg sync.WaitGroup
	for i, r := range rights {
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			allowed[i], errs[i] = c.may(ctx, r)
		})
	}
	wg.Wait()
	var list []right
	for i, r := range rights {
		switch {
		case errs[i] != nil:
			return nil, errs[i]
		case !allowed[i]:
			list = append(list, r)
		}
	}
	return list, nil
}

func (c Cluster) may(ctx context.Context, r right) (bool, error) {
	resource, sub, _ := strings.Cut(r.resource, "/")
	review, err := c.API.AuthorizationV1().SelfSubjectAccessReviews().Create(ctx, &authorizationv1.SelfSubjectAccessReview{
		Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &authorizationv1.ResourceAttributes{
			Namespace: c.Namespace, Verb: r.verb, Group: r.group, Resource: resource, Subresource: sub,
		}},
	}, metav1.CreateOptions{})
	if err != nil {
		return false, problem.Explain(err, problem.Act{Verb: "create", Resource: "selfsubjectaccessreviews.authorization.k8s.io"}, c.Host)
	}
	return review.Status.Allowed, nil
}
