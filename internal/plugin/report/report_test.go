package report_test

import (
	"archive/zip"
	"bytes"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"memgraph-controller/internal/plugin/report"
	"memgraph-controller/internal/plugin/source"
	"memgraph-controller/internal/plugin/staged"
)

func TestText(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{`level=INFO msg=started password=hunter2 epoch=4`, `level=INFO msg=started password=REDACTED epoch=4`},
		{`{"password": "hunter 2", "epoch": 4}`, `{"password": REDACTED, "epoch": 4}`},
		{`{\"token\":\"hunter2\"}`, `{\"token\":REDACTED}`},
		{`MEMGRAPH_PASSWORD: 'hunter2'`, `MEMGRAPH_PASSWORD: REDACTED`},
		{`neo4j://ada:hunter2@mg-gateway:7687`, `neo4j://ada:REDACTED@mg-gateway:7687`},
		{`Authorization: Bearer abc.def-ghi`, `Authorization: REDACTED REDACTED`},
		{`CREATE USER ada IDENTIFIED BY 'hunter2';`, `CREATE USER ada IDENTIFIED BY REDACTED;`},
		{`SET PASSWORD TO "hunter2" REPLACE`, `SET PASSWORD TO REDACTED REPLACE`},
		{`- --license-key=LICENSEhunter3`, `- --license-key=REDACTED`},
		{`mgconsole --password hunter2 --port 7687`, `mgconsole --password REDACTED --port 7687`},
		{`eyJhbGciOi.eyJzdWIiOi.c2lnbmF0dXJl`, `REDACTED`},
		{"-----BEGIN RSA PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY-----", `REDACTED`},
		{`automountServiceAccountToken: false`, `automountServiceAccountToken: false`},
		{"secretKeyRef:\n  key: x\n  name: mg-auth", "secretKeyRef:\n  key: x\n  name: mg-auth"},
		{`epoch=4 stage=serving main=mg-memgraph-0 took=40ms`, `epoch=4 stage=serving main=mg-memgraph-0 took=40ms`},
	} {
		got := string((&report.Redactor{}).Text([]byte(c.in)))
		if strings.Contains(got, "hunter") || got != c.want && !strings.HasPrefix(c.in, "Authorization") {
			t.Errorf("%q\n got %q\nwant %q", c.in, got, c.want)
		}
		if strings.Contains(got, "abc.def") {
			t.Errorf("%q shows the token", got)
		}
	}
}

// TestChartsOwnSettingsAreKept: a report without them explains nothing.
func TestChartsOwnSettingsAreKept(t *testing.T) {
	raw, err := os.ReadFile("../../../charts/memgraph-ha/templates/_env.tpl")
	if err != nil {
		t.Fatal(err)
	}
	names := regexp.MustCompile(`\(list "([A-Z_]+)"`).FindAllStringSubmatch(string(raw), -1)
	if len(names) < 30 {
		t.Fatalf("%d settings found in the chart", len(names))
	}
	for _, name := range names {
		spec := &corev1.PodSpec{Containers: []corev1.Container{{Env: []corev1.EnvVar{{Name: name[1], Value: "value"}}}}}
		(&report.Redactor{}).Env(spec)
		if spec.Containers[0].Env[0].Value != "value" {
			t.Errorf("%s is taken out", name[1])
		}
	}
}

func TestReport(t *testing.T) {
	c := staged.New("mg")
	for i := range c.Pods {
		c.Pods[i].Spec.Containers = append([]corev1.Container{}, c.Pods[i].Spec.Containers...)
		container := &c.Pods[i].Spec.Containers[0]
		container.Env = append(append([]corev1.EnvVar{}, container.Env...), corev1.EnvVar{Name: "LICENSE", Value: "hunter2-hunter2"})
		c.Pods[i].ManagedFields = []metav1.ManagedFieldsEntry{{Manager: "somebody"}}
	}
	c.Pods[1].Status.ContainerStatuses[0].RestartCount = 2
	c.Status.Decision = "all is well, said hunter2-hunter2"
	client := staged.Serve(c)
	event := &corev1.Event{
		ObjectMeta: metav1.ObjectMeta{Name: "e1", Namespace: staged.Namespace}, InvolvedObject: corev1.ObjectReference{Kind: "Pod", Name: "mg-memgraph-0"},
		Type: "Normal", Reason: "Promoted", Message: "node 0 is MAIN", LastTimestamp: metav1.Time{Time: staged.Now},
	}
	foreign := event.DeepCopy()
	foreign.Name, foreign.InvolvedObject.Name, foreign.Message = "e2", "somebody-elses", "not ours"
	for _, e := range []*corev1.Event{event, foreign} {
		if err := client.Tracker().Add(e); err != nil {
			t.Fatal(err)
		}
	}
	staged.Refuse(client, "list", "persistentvolumeclaims", staged.Forbidden("persistentvolumeclaims"))
	s := source.Source{API: client, Namespace: staged.Namespace, Host: staged.Host}
	raw, err := s.Read(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	files := read(t, report.Collect(t.Context(), s, raw, report.Options{Since: time.Hour, Version: "dev"}))

	for _, name := range []string{
		"about.txt", "status.txt", "status.json", "explain.txt", "history.txt", "events.txt", "missing.txt",
		"objects/record.yaml", "objects/lease.yaml", "objects/pod-mg-memgraph-2.yaml", "objects/deployment-mg-controller.yaml",
		"logs/mg-memgraph-1-memgraph.log", "logs/mg-memgraph-1-memgraph-previous.log", "logs/" + c.Leader() + "-controller.log",
		"status/" + c.Leader() + ".json", "metrics/" + c.Leader() + ".txt",
	} {
		if len(files[name]) == 0 {
			t.Errorf("%s is not there", name)
		}
	}
	for name, text := range files {
		if strings.Contains(text, "hunter2") || strings.Contains(text, "somebody") {
			t.Errorf("%s shows what it should not:\n%s", name, text)
		}
	}
	if !strings.Contains(files["objects/deployment-mg-controller.yaml"], "mg-memgraph") {
		t.Error("settings of the chart are taken out")
	}
	if files["events.txt"] != "2026-11-23T12:00:00Z  Normal   Pod/mg-memgraph-0  Promoted  x1  node 0 is MAIN\n" {
		t.Errorf("events:\n%s", files["events.txt"])
	}
	if !strings.Contains(files["missing.txt"], "PersistentVolumeClaims: you may not list persistentvolumeclaims in namespace shop") {
		t.Errorf("missing:\n%s", files["missing.txt"])
	}
	for _, a := range client.Actions() {
		if a.GetResource().Resource == "secrets" {
			t.Errorf("a Secret was asked for: %v", a)
		}
	}
}

// read writes files as a zip and reads that.
func read(t *testing.T, files []report.File) map[string]string {
	t.Helper()
	var b bytes.Buffer
	if err := report.Write(&b, "mg", files, staged.Now); err != nil {
		t.Fatal(err)
	}
	z, err := zip.NewReader(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		raw, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		all[strings.TrimPrefix(f.Name, "mg/")] = string(raw)
	}
	return all
}
