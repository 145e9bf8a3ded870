//go:build chart

package chart

import (
	"encoding/json"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
)

// TestPodsAreConfined checks the "restricted" Pod Security Standard, and more: no
// program here needs any right of the machine, so none gets any.
func TestPodsAreConfined(t *testing.T) {
	eachSet(t, func(t *testing.T, r *rendering) {
		for _, p := range r.pods() {
			s := p.spec.SecurityContext
			if s == nil || s.RunAsNonRoot == nil || !*s.RunAsNonRoot || s.RunAsUser == nil || *s.RunAsUser == 0 {
				t.Errorf("%s may run as root", p.of)
			}
			if s == nil || s.SeccompProfile == nil || s.SeccompProfile.Type != corev1.SeccompProfileTypeRuntimeDefault {
				t.Errorf("%s has no RuntimeDefault seccomp profile", p.of)
			}
			if p.spec.HostNetwork || p.spec.HostPID || p.spec.HostIPC || (p.spec.ShareProcessNamespace != nil && *p.spec.ShareProcessNamespace) {
				t.Errorf("%s shares namespaces with its machine", p.of)
			}
			for _, v := range p.spec.Volumes {
				if v.HostPath != nil {
					t.Errorf("%s mounts a directory of its machine: %s", p.of, v.HostPath.Path)
				}
			}
			if p.spec.EnableServiceLinks == nil || *p.spec.EnableServiceLinks {
				t.Errorf("%s gets variables of every Service around: one called like a setting would be read as one", p.of)
			}
			for _, c := range p.containers() {
				confined(t, p.of+" "+c.Name, c)
			}
		}
	})
}

func confined(t *testing.T, at string, c corev1.Container) {
	t.Helper()
	s := c.SecurityContext
	if s == nil {
		t.Errorf("%s has no security context", at)
		return
	}
	if s.AllowPrivilegeEscalation == nil || *s.AllowPrivilegeEscalation || s.Privileged != nil && *s.Privileged {
		t.Errorf("%s may gain privileges", at)
	}
	if s.ReadOnlyRootFilesystem == nil || !*s.ReadOnlyRootFilesystem {
		t.Errorf("%s may write to its root file system", at)
	}
	if s.Capabilities == nil || !slices.Equal(s.Capabilities.Drop, []corev1.Capability{"ALL"}) || len(s.Capabilities.Add) != 0 {
		t.Errorf("%s has capabilities: %+v", at, s.Capabilities)
	}
	if s.RunAsUser != nil || s.RunAsNonRoot != nil || s.SeccompProfile != nil {
		t.Errorf("%s overrides what its pod says", at)
	}
}

// A container without requests is the first to be evicted. A controller that is
// throttled loses its lease, and a node that is throttled looks silent.
func TestResources(t *testing.T) {
	eachSet(t, func(t *testing.T, r *rendering) {
		for _, p := range r.pods() {
			for _, c := range p.containers() {
				if c.Resources.Requests.Cpu().IsZero() || c.Resources.Requests.Memory().IsZero() {
					t.Errorf("%s %s requests %v, want CPU and memory", p.of, c.Name, c.Resources.Requests)
				}
				if !c.Resources.Limits.Cpu().IsZero() {
					t.Errorf("%s %s has a CPU limit of %s", p.of, c.Name, c.Resources.Limits.Cpu())
				}
			}
		}
		if limits := controller(t, r).Resources.Limits; limits.Memory().IsZero() {
			t.Error("the controller has no memory limit: a flood of clients would take its machine along")
		}
	})
}

// Only the controller talks to the API server. A token in the database's pods is
// one that a query which reads files could give away.
func TestTokens(t *testing.T) {
	eachSet(t, func(t *testing.T, r *rendering) {
		controllers := deployment(t, r).Spec.Template.Spec
		for _, p := range r.pods() {
			mounts := p.spec.AutomountServiceAccountToken == nil || *p.spec.AutomountServiceAccountToken
			if want := p.of == "Deployment "+deployment(t, r).Name; mounts != want {
				t.Errorf("%s mounts a token: %t, want %t", p.of, mounts, want)
			}
			for _, v := range p.spec.Volumes {
				if v.Projected != nil {
					t.Errorf("%s projects volume %s", p.of, v.Name)
				}
			}
		}
		database := statefulSet(t, r).Spec.Template.Spec.ServiceAccountName
		if database == controllers.ServiceAccountName {
			t.Errorf("database and controllers are both %s", database)
		}
		for _, account := range all[*corev1.ServiceAccount](r) {
			off := account.AutomountServiceAccountToken != nil && !*account.AutomountServiceAccountToken
			if off != (account.Name == database) {
				t.Errorf("ServiceAccount %s gives no token: %t", account.Name, off)
			}
		}
	})
}

// Nothing names a ServiceAccount that is not there, unless somebody else makes it.
func TestAccountsExist(t *testing.T) {
	r := render(t, "defaults")
	for _, name := range []string{statefulSet(t, r).Spec.Template.Spec.ServiceAccountName, deployment(t, r).Spec.Template.Spec.ServiceAccountName} {
		one[*corev1.ServiceAccount](t, r, name)
	}
}

// A mount without its volume, or a volume that nothing mounts, is a mistake.
func TestVolumes(t *testing.T) {
	eachSet(t, func(t *testing.T, r *rendering) {
		for _, p := range r.pods() {
			there, used := map[string]bool{}, map[string]bool{}
			for _, v := range p.spec.Volumes {
				there[v.Name] = true
			}
			if p.of == "StatefulSet "+statefulSet(t, r).Name {
				for _, claim := range statefulSet(t, r).Spec.VolumeClaimTemplates {
					there[claim.Name] = true
				}
			}
			for _, c := range p.containers() {
				for _, m := range c.VolumeMounts {
					used[m.Name] = true
				}
			}
			if jsonOf(t, there) != jsonOf(t, used) {
				t.Errorf("%s has volumes %v and mounts %v", p.of, there, used)
			}
		}
	})
}

// jsonOf returns a value as text, to compare and to show.
func jsonOf(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
