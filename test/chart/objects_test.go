//go:build chart

package chart

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	names "k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Labels by which objects of a release select each other.
const (
	labelName      = "app.kubernetes.io/name"
	labelInstance  = "app.kubernetes.io/instance"
	labelComponent = "app.kubernetes.io/component"
)

// versioned are labels that another version of the chart or of the program changes.
var versioned = []string{"app.kubernetes.io/version", "helm.sh/chart", "app.kubernetes.io/managed-by"}

// kindOf returns the API version and kind that a manifest says.
func kindOf(object metav1.Object) string {
	if gvk := object.(runtime.Object).GetObjectKind().GroupVersionKind(); !gvk.Empty() {
		return gvk.GroupVersion().String() + " " + gvk.Kind
	}
	return fmt.Sprintf("%T", object)
}

// One namespace is all that a release touches: who installs it needs no right
// outside, and takes nobody else's objects along.
func TestNothingClusterWide(t *testing.T) {
	namespaced := []string{
		"apps/v1 Deployment", "apps/v1 StatefulSet", "networking.k8s.io/v1 NetworkPolicy", "policy/v1 PodDisruptionBudget",
		"rbac.authorization.k8s.io/v1 Role", "rbac.authorization.k8s.io/v1 RoleBinding",
		"v1 ConfigMap", "v1 Pod", "v1 Service", "v1 ServiceAccount",
		"monitoring.coreos.com/v1 PrometheusRule", "monitoring.coreos.com/v1 ServiceMonitor",
	}
	eachSet(t, func(t *testing.T, r *rendering) {
		seen := map[string]bool{}
		for _, o := range r.objects {
			kind := kindOf(o)
			if !slices.Contains(namespaced, kind) {
				t.Errorf("%s %s: no kind that this chart may make", kind, o.GetName())
			}
			if o.GetNamespace() != r.namespace {
				t.Errorf("%s %s is in namespace %q, want the release's, %q", kind, o.GetName(), o.GetNamespace(), r.namespace)
			}
			if id := kind + o.GetName(); seen[id] {
				t.Errorf("%s %s is there twice", kind, o.GetName())
			} else {
				seen[id] = true
			}
		}
	})
}

// helm upgrade would overwrite the record, and helm uninstall delete it: who is
// MAIN would be forgotten.
func TestRecordIsNotHelms(t *testing.T) {
	eachSet(t, func(t *testing.T, r *rendering) {
		record := env(controller(t, r))["STATE_CONFIGMAP"].Value
		if record == "" {
			t.Fatal("the controller is not told the record's name")
		}
		for _, m := range all[*corev1.ConfigMap](r) {
			if _, ok := m.Data["masterIndex"]; m.Name == record || ok {
				t.Errorf("helm renders ConfigMap %s, the record", m.Name)
			}
		}
		if strings.Contains(r.text, "coordination.k8s.io/v1\n") {
			t.Error("helm renders a Lease: the leader would lose it with every upgrade")
		}
	})
}

// Kubernetes refuses what these refuse, but only at the installation.
func TestNamesAndLabelsAreValid(t *testing.T) {
	eachSet(t, func(t *testing.T, r *rendering) {
		for _, o := range r.objects {
			at, longest := kindOf(o)+" "+o.GetName(), o.GetName()
			check := names.IsDNS1123Subdomain
			switch o := o.(type) {
			case *corev1.Service:
				check = names.IsDNS1035Label
			case *appsv1.StatefulSet:
				// The pod's name is its host name, and its revision is a label.
				check, longest = names.IsDNS1123Label, fmt.Sprintf("%s-%d", o.Name, *o.Spec.Replicas-1)
				validLabel(t, at, o.Name+"-"+strings.Repeat("7", 10))
			}
			for _, fault := range check(longest) {
				t.Errorf("%s: %s: %s", at, longest, fault)
			}
			for _, fault := range validation.ValidateLabels(o.GetLabels(), field.NewPath(at)) {
				t.Error(fault)
			}
		}
		for _, p := range r.pods() {
			for _, fault := range validation.ValidateLabels(p.labels, field.NewPath(p.of)) {
				t.Error(fault)
			}
		}
	})
}

func validLabel(t *testing.T, at, value string) {
	t.Helper()
	for _, fault := range names.IsValidLabelValue(value) {
		t.Errorf("%s: label %s: %s", at, value, fault)
	}
}

// Everything can be found by kubectl -l, and is told apart from other releases.
func TestEverythingIsLabelled(t *testing.T) {
	eachSet(t, func(t *testing.T, r *rendering) {
		for _, o := range r.objects {
			l := o.GetLabels()
			if l[labelName] != "memgraph-ha" || l[labelInstance] != r.release || l[labelComponent] == "" || l["app.kubernetes.io/managed-by"] != "Helm" {
				t.Errorf("%s %s has labels %v", kindOf(o), o.GetName(), l)
			}
		}
	})
}

// selectors returns what each object of a release selects pods by.
func selectors(r *rendering) map[string]map[string]string {
	found := map[string]map[string]string{}
	for _, o := range r.objects {
		at := kindOf(o) + " " + o.GetName()
		switch o := o.(type) {
		case *appsv1.Deployment:
			found[at] = o.Spec.Selector.MatchLabels
		case *appsv1.StatefulSet:
			found[at] = o.Spec.Selector.MatchLabels
		case *corev1.Service:
			found[at] = o.Spec.Selector
		case *policyv1.PodDisruptionBudget:
			found[at] = o.Spec.Selector.MatchLabels
		case *networkingv1.NetworkPolicy:
			found[at] = o.Spec.PodSelector.MatchLabels
		}
	}
	return found
}

// A selector that selects nothing is a Service without endpoints or a budget that
// protects nobody; one that selects too much mixes database and controllers, or
// two releases. One with a version in it cannot be upgraded: it is immutable.
func TestSelectors(t *testing.T) {
	eachSet(t, func(t *testing.T, r *rendering) {
		for at, selector := range selectors(r) {
			if selector[labelInstance] != r.release || selector[labelName] != "memgraph-ha" {
				t.Errorf("%s selects %v: want the release in it", at, selector)
			}
			for key := range selector {
				if slices.Contains(versioned, key) {
					t.Errorf("%s selects by %s, which changes", at, key)
				}
			}
			matches := []string{}
			for _, p := range r.pods() {
				if labels.SelectorFromSet(selector).Matches(labels.Set(p.labels)) {
					matches = append(matches, p.of)
				}
			}
			if len(matches) != 1 {
				t.Errorf("%s selects the pods of %v, want of one", at, matches)
			}
		}
	})
}

// A label of the StatefulSet's pods or claims that changes with the version
// restarts the database with every upgrade, or forbids it.
func TestNoVersionInPods(t *testing.T) {
	eachSet(t, func(t *testing.T, r *rendering) {
		set := statefulSet(t, r)
		groups := []map[string]string{set.Spec.Template.Labels, deployment(t, r).Spec.Template.Labels}
		for _, claim := range set.Spec.VolumeClaimTemplates {
			groups = append(groups, claim.Labels)
		}
		for _, group := range groups {
			for _, key := range versioned {
				if _, ok := group[key]; ok {
					t.Errorf("%v: %s changes", group, key)
				}
			}
		}
	})
}

// Upgrading the chart with the init container's image pinned must not touch the
// database's pods: docs/upgrade.md promises that.
func TestNewChartRestartsNoDatabase(t *testing.T) {
	t.Parallel()
	flags := []string{"--set", "memgraph.prepareNode.image.tag=old"}
	before := statefulSet(t, with(t, flags...))
	newer := changed(t, map[string]func(string) string{"Chart.yaml": func(text string) string {
		return strings.NewReplacer("version: 0.1.0", "version: 9.9.9", "appVersion: dev", "appVersion: v9").Replace(text)
	}})
	r, err := template(t, newer, "mg", "graph", append(flags, "--set", "commonLabels.team=graphs")...)
	if err != nil {
		t.Fatal(err)
	}
	after := statefulSet(t, r)
	if maps.Equal(before.Labels, after.Labels) {
		t.Error("the StatefulSet does not tell its chart's version")
	}
	if a, b := jsonOf(t, before.Spec), jsonOf(t, after.Spec); a != b {
		t.Errorf("another version of the chart changes the StatefulSet from\n%s\nto\n%s", a, b)
	}
	if deployment(t, r).Spec.Template.Spec.Containers[0].Image != "memgraph-controller:v9" {
		t.Error("another version of the chart brings no other controller")
	}
}

// The Role is all that a stolen token of the controller is good for: one more verb
// is a decision, and README.md says why each is there.
func TestRights(t *testing.T) {
	want := []rbacv1.PolicyRule{
		{APIGroups: []string{"coordination.k8s.io"}, Resources: []string{"leases"}, Verbs: []string{"get", "list", "watch", "create", "update", "patch", "delete"}},
		{APIGroups: []string{""}, Resources: []string{"configmaps"}, Verbs: []string{"get", "list", "watch", "create", "update", "patch", "delete"}},
		{APIGroups: []string{""}, Resources: []string{"pods"}, Verbs: []string{"get", "list", "watch", "delete"}},
		{APIGroups: []string{""}, Resources: []string{"pods/status"}, Verbs: []string{"patch"}},
		{APIGroups: []string{""}, Resources: []string{"events"}, Verbs: []string{"create", "patch"}},
	}
	readme := read(t, chartDir+"/README.md")
	for _, rule := range want {
		group := rule.APIGroups[0]
		if group == "" {
			group = "core"
		}
		if row := fmt.Sprintf("| %s | %s | %s | ", group, rule.Resources[0], strings.Join(rule.Verbs, ", ")); !strings.Contains(readme, row) {
			t.Errorf("README.md has no row %q", row)
		}
	}
	eachSet(t, func(t *testing.T, r *rendering) {
		if r.set == "everything-off" {
			return // TestSwitchedOff
		}
		role, binding := one[*rbacv1.Role](t, r, ""), one[*rbacv1.RoleBinding](t, r, "")
		if jsonOf(t, role.Rules) != jsonOf(t, want) {
			t.Errorf("the Role gives\n%s\nwant\n%s", jsonOf(t, role.Rules), jsonOf(t, want))
		}
		account := deployment(t, r).Spec.Template.Spec.ServiceAccountName
		subject := rbacv1.Subject{Kind: "ServiceAccount", Name: account, Namespace: r.namespace}
		if len(binding.Subjects) != 1 || binding.Subjects[0] != subject || binding.RoleRef.Kind != "Role" || binding.RoleRef.Name != role.Name {
			t.Errorf("%+v is given to %+v, want Role %s for %s alone", binding.RoleRef, binding.Subjects, role.Name, account)
		}
	})
}

// Who switches rights and accounts off gets none.
func TestSwitchedOff(t *testing.T) {
	r := render(t, "everything-off")
	if len(all[*rbacv1.Role](r))+len(all[*rbacv1.RoleBinding](r))+len(all[*corev1.ServiceAccount](r))+len(all[*policyv1.PodDisruptionBudget](r)) != 0 {
		t.Error("there are rights, accounts or budgets")
	}
	if has[*corev1.Service](r, "mg-gateway-read") || env(controller(t, r))["ENABLE_READ_GATEWAY"].Value != "false" {
		t.Error("there is a door for readers")
	}
	if gates := statefulSet(t, r).Spec.Template.Spec.ReadinessGates; len(gates) != 0 {
		t.Errorf("there are readiness gates %v", gates)
	}
	for _, kind := range []string{"ServiceMonitor", "PrometheusRule"} {
		if slices.ContainsFunc(all[*unstructured.Unstructured](r), func(o *unstructured.Unstructured) bool { return o.GetKind() == kind }) {
			t.Errorf("there is a %s: clusters without the Prometheus operator would refuse the release", kind)
		}
	}
}
