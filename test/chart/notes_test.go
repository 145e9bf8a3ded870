//go:build chart

package chart

import (
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// commands are the commands that NOTES.txt may print, and how to tell that what
// they name is there. A new one needs a line here.
var commands = []struct {
	form  *regexp.Regexp
	check func(t *testing.T, r *rendering, parts []string)
}{
	{command(`kubectl -n NS get pods -l (\S+)`), selectsPods},
	{command(`kubectl -n NS logs -l (\S+) --prefix`), selectsPods},
	{command(`kubectl -n NS get configmap (\S+) -o yaml`), isRecord},
	{command(`kubectl -n NS get events --field-selector involvedObject\.name=(\S+)`), isRecord},
	{command(`kubectl -n NS describe pod (\S+)-0`), isStatefulSet},
	{command(`kubectl -n NS port-forward service/(\S+) \d+:(\d+)`), hasPort},
	{command(`kubectl get --raw /api/v1/namespaces/NS/services/(\S+):(\S+)/proxy/api/v1/status`), hasPortCalled},
	{command(`helm -n NS test (\S+)`), isRelease},
}

// command is the form of a command; NS is a namespace, the first part.
func command(form string) *regexp.Regexp {
	return regexp.MustCompile("^" + strings.Replace(form, "NS", `([^\s/]+)`, 1) + "$")
}

// said finds commands and addresses in a text, without the comment behind them.
var (
	said    = regexp.MustCompile(`(?m)\b(?:kubectl|helm) [^)#\n]*`)
	address = regexp.MustCompile(`bolt://[^\s,;]+`)
)

// What helm prints after an installation is pasted into a shell: a name in it that
// is not there is the first thing a user sees of us.
func TestNotes(t *testing.T) {
	withNotes := changed(t, map[string]func(string) string{"templates/notes.yaml": func(string) string {
		return `apiVersion: v1
kind: ConfigMap
metadata: {name: notes}
data: {notes: {{ include (print .Template.BasePath "/NOTES.txt") . | toJson }}}
`
	}})
	for _, set := range sets(t) {
		t.Run(set, func(t *testing.T) {
			t.Parallel()
			release, namespace := identity(set)
			r, err := template(t, withNotes, release, namespace, "--values", filepath.Join(valuesDir, set+".yaml"))
			if err != nil {
				t.Fatal(err)
			}
			notes := one[*corev1.ConfigMap](t, r, "notes").Data["notes"]
			found := said.FindAllString(notes, -1)
			if len(found) < 8 {
				t.Errorf("the notes have %d commands:\n%s", len(found), notes)
			}
			for _, text := range found {
				understood(t, r, strings.TrimSpace(text))
			}
			addresses := address.FindAllString(notes, -1)
			if want := len(all[*corev1.Service](r)) - 2; len(addresses) != want { // not the headless one, not the status
				t.Errorf("the notes tell %d addresses, want one of each of %d gateways", len(addresses), want)
			}
			for _, a := range addresses {
				reaches(t, r, a)
			}
			warns(t, set, notes)
		})
	}
}

func understood(t *testing.T, r *rendering, text string) {
	t.Helper()
	for _, c := range commands {
		parts := c.form.FindStringSubmatch(text)
		if parts == nil {
			continue
		}
		if parts[1] != r.namespace {
			t.Errorf("%q looks into namespace %s", text, parts[1])
		}
		c.check(t, r, parts[2:])
		return
	}
	t.Errorf("%q: no command that this test understands: add its form to the table", text)
}

// warns checks that what may cost data is said where somebody reads it.
func warns(t *testing.T, set, notes string) {
	t.Helper()
	for _, w := range []struct{ set, text string }{
		{"no-persistence", "*** WITHOUT VOLUMES"}, {"one-node", "*** ONE NODE"},
	} {
		if strings.Contains(notes, w.text) != (set == w.set) {
			t.Errorf("the notes say %q: %t", w.text, set != w.set)
		}
	}
}

func selectsPods(t *testing.T, r *rendering, parts []string) {
	t.Helper()
	selector, err := labels.Parse(parts[0])
	if err != nil || !slices.ContainsFunc(r.pods(), func(p pod) bool { return selector.Matches(labels.Set(p.labels)) }) {
		t.Errorf("-l %s selects no pod (%v)", parts[0], err)
	}
}

func isRecord(t *testing.T, r *rendering, parts []string) {
	t.Helper()
	if record := env(controller(t, r))["STATE_CONFIGMAP"].Value; parts[0] != record {
		t.Errorf("%s is not the record, which is %s", parts[0], record)
	}
}

func isStatefulSet(t *testing.T, r *rendering, parts []string) {
	t.Helper()
	if name := statefulSet(t, r).Name; parts[0] != name {
		t.Errorf("%s-0 is no pod of StatefulSet %s", parts[0], name)
	}
}

func isRelease(t *testing.T, r *rendering, parts []string) {
	t.Helper()
	if parts[0] != r.release {
		t.Errorf("%s is not the release, which is %s", parts[0], r.release)
	}
	if p := one[*corev1.Pod](t, r, ""); p.Annotations["helm.sh/hook"] != "test" {
		t.Errorf("pod %s is no test: %v", p.Name, p.Annotations)
	}
}

func hasPort(t *testing.T, r *rendering, parts []string) {
	t.Helper()
	s := one[*corev1.Service](t, r, parts[0])
	if !slices.ContainsFunc(s.Spec.Ports, func(p corev1.ServicePort) bool { return strconv.Itoa(int(p.Port)) == parts[1] }) {
		t.Errorf("Service %s has no port %s", s.Name, parts[1])
	}
}

func hasPortCalled(t *testing.T, r *rendering, parts []string) {
	t.Helper()
	s := one[*corev1.Service](t, r, parts[0])
	if !slices.ContainsFunc(s.Spec.Ports, func(p corev1.ServicePort) bool { return p.Name == parts[1] }) {
		t.Errorf("Service %s has no port called %s", s.Name, parts[1])
	}
}
