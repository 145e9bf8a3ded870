package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	apiversion "k8s.io/apimachinery/pkg/version"
	fakediscovery "k8s.io/client-go/discovery/fake"
	"k8s.io/client-go/kubernetes/fake"
	kubetesting "k8s.io/client-go/testing"

	"memgraph-controller/internal/cluster"
	"memgraph-controller/internal/kube"
	"memgraph-controller/internal/plugin/source"
	"memgraph-controller/internal/plugin/staged"
)

var rewrite = flag.Bool("rewrite", false, "write what is printed now to testdata; then read git diff")

// at is a clock by which it is staged.Now in the cluster.
type at struct{}

func (a at) Ahead() (time.Duration, bool) { return time.Since(staged.Now).Truncate(time.Second), true }

// world is a cluster with somebody before a terminal, or without.
type world struct {
	client *fake.Clientset
	in     string
	asks   bool
	code   int
	out    string
	errs   string
}

func worldOf(clusters ...*staged.Cluster) *world { return &world{client: staged.Serve(clusters...)} }

// run runs the program.
func (w *world) run(t *testing.T, args ...string) *world {
	t.Helper()
	var out, errs bytes.Buffer
	s := streams{in: strings.NewReader(w.in), out: &out, errs: &errs, asks: w.asks}
	w.code = execute(t.Context(), args, s, func(*kubectl) (source.Source, error) {
		return source.Source{API: w.client, Namespace: staged.Namespace, Host: staged.Host, Clock: at{}}, nil
	})
	w.out = out.String()
	lines := strings.SplitAfter(errs.String(), "\n")
	w.errs = ""
	for _, line := range lines {
		if !strings.HasPrefix(line, "This machine's clock") { // as it must say, with such a clock
			w.errs += line
		}
	}
	return w
}

// want fails the test unless the program has ended so.
func (w *world) want(t *testing.T, code int, errs string) {
	t.Helper()
	if w.code != code || !strings.Contains(w.errs, errs) {
		t.Errorf("code %d, want %d; errors:\n%s\nwant: %s\noutput:\n%s", w.code, code, w.errs, errs, w.out)
	}
}

// answer plays a leader that answers the request at once.
func (w *world) answer(t *testing.T, c *staged.Cluster, text, answer string, grants func(*cluster.Record)) {
	t.Helper()
	gvr := corev1.SchemeGroupVersion.WithResource("configmaps")
	w.client.PrependReactor("patch", "configmaps", func(a kubetesting.Action) (bool, runtime.Object, error) {
		patch := a.(kubetesting.PatchAction)
		if !strings.Contains(string(patch.GetPatch()), `"`+text+`"`) {
			return false, nil, nil
		}
		asked := c.ConfigMap()
		asked.Annotations = map[string]string{kube.RequestAnnotation: text}
		asked.ResourceVersion = "101"
		c.Notes = map[string]string{kube.AnswerAnnotation: "2026-11-23T12:00:00Z " + text + ": " + answer}
		if grants != nil {
			c.Record.Request = cluster.Accepted{ID: text, At: staged.Now, Answer: answer}
			grants(c.Record)
		}
		if err := w.client.Tracker().Update(gvr, c.ConfigMap(), staged.Namespace); err != nil {
			t.Error(err)
		}
		return true, asked, nil
	})
}

func TestGolden(t *testing.T) {
	for name, args := range map[string][]string{
		"status.txt": {"status"}, "status-wide.txt": {"status", "-o", "wide"}, "status.json": {"status", "-o", "json"}, "status.yaml": {"status", "--output=yaml"},
		"explain.txt": {"explain"}, "explain-node.txt": {"explain", "mg-memgraph-1"}, "history.txt": {"history"}, "history.json": {"history", "-o", "json"},
		"switchover-dry-run.txt": {"switchover", "--dry-run"}, "promote-dry-run.txt": {"promote", "2", "--accept-data-loss", "--dry-run"},
		"help.txt": {"--help"}, "switchover-help.txt": {"switchover", "--help"},
	} {
		t.Run(name, func(t *testing.T) {
			c := staged.New("mg")
			w := worldOf(c).run(t, args...)
			w.want(t, 0, "")
			golden(t, name, w.out)
		})
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *rewrite {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v; go test ./cmd/kubectl-memgraph -rewrite writes it", err)
	}
	if got != string(want) {
		t.Errorf("%s:\n got:\n%s\nwant:\n%s", path, got, want)
	}
}

// TestBadInput: each message says what to do next.
func TestBadInput(t *testing.T) {
	for _, c := range []struct {
		name string
		args []string
		code int
		says string
	}{
		{"unknown command", []string{"stauts"}, 2, `unknown command "stauts"`},
		{"unknown flag", []string{"status", "--wide"}, 2, "kubectl memgraph status --help lists what there is"},
		{"unknown format", []string{"status", "-o", "xml"}, 2, "want wide, json or yaml"},
		{"unknown node", []string{"explain", "mg-memgraph-7"}, 2, "want mg-memgraph-0, mg-memgraph-1 or mg-memgraph-2, or its number"},
		{"unknown node of a request", []string{"rebuild", "9", "--yes"}, 2, `node "9" is none of release mg`},
		{"no node", []string{"rebuild"}, 2, "rebuild takes one node, and got 0"},
		{"too many", []string{"switchover", "1", "2"}, 2, "accepts at most 1 arg"},
		{"no such release", []string{"status", "--release", "mh"}, 2, "no release mh is in namespace shop: there is mg"},
		{"promote without the flag", []string{"promote", "2", "--yes"}, 2, "add --accept-data-loss if they may be lost"},
		{"nobody to ask", []string{"pause"}, 2, "give --yes to do it, or --dry-run to see what it would do"},
		{"values that are not there", []string{"preflight", "-f", "/nonexistent/values.yaml"}, 2, "--values: open /nonexistent/values.yaml"},
	} {
		t.Run(c.name, func(t *testing.T) { worldOf(staged.New("mg")).run(t, c.args...).want(t, c.code, c.says) })
	}
}

func TestSeveralReleases(t *testing.T) {
	w := worldOf(staged.New("mg"), staged.New("other"))
	w.run(t, "status").want(t, 2, "several releases are in namespace shop: say which with --release NAME, of mg, other")
	if w.run(t, "status", "--release", "other").want(t, 0, ""); !strings.HasPrefix(w.out, "other  namespace shop") {
		t.Errorf("it shows another:\n%s", w.out)
	}
}

func TestUnreachable(t *testing.T) {
	w := worldOf()
	staged.Refuse(w.client, "*", "*", errors.New("dial tcp: connection refused"))
	for _, args := range [][]string{{"status"}, {"pause", "--yes"}, {"logs"}, {"report"}} {
		w.run(t, args...).want(t, 1, "the API server at https://k:6443 does not answer: dial tcp: connection refused; see whether kubectl version reaches it")
	}
}

// TestControllerNotRunning: what is known is shown, and nothing is asked of nobody.
func TestControllerNotRunning(t *testing.T) {
	c := staged.New("mg")
	c.Forget()
	w := worldOf(c)
	w.run(t, "status").want(t, 0, "")
	golden(t, "status-no-controller.txt", w.out)
	w.run(t, "pause", "--yes").want(t, 1, "no controller of release mg leads, so nobody would answer: see kubectl -n shop get pods")
	for _, a := range w.client.Actions() {
		if a.GetVerb() == "patch" {
			t.Errorf("it was asked nevertheless: %v", a)
		}
	}
}

// TestFewRights: what may not be read is named, and the rest is shown.
func TestFewRights(t *testing.T) {
	w := worldOf(staged.New("mg"))
	staged.Refuse(w.client, "list", "pods", staged.Forbidden("pods"))
	staged.Refuse(w.client, "get", "leases", staged.Forbidden("leases"))
	w.run(t, "status").want(t, 0, "")
	golden(t, "status-few-rights.txt", w.out)
	staged.Refuse(w.client, "patch", "configmaps", staged.Forbidden("configmaps"))
	w.run(t, "pause", "--yes").want(t, 1, `you may not patch configmaps "memgraph-controller-state" in namespace shop: ask an administrator for it`)
	w.run(t, "logs").want(t, 1, "which pods release mg has is not known: you may not list pods in namespace shop")
	for _, verb := range []string{"get", "list"} {
		staged.Refuse(w.client, verb, "configmaps", staged.Forbidden("configmaps"))
	}
	w.run(t, "history").want(t, 1, `there is no history to show: the record: you may not get configmaps "memgraph-controller-state" in namespace shop`)
	w.run(t, "switchover", "--yes").want(t, 1, `a request is an annotation of the record, which could not be read: you may not get configmaps`)
	w.run(t, "explain").want(t, 0, "")
	if says := "the leading controller: not known: pods could not be read"; !strings.Contains(w.out, says) {
		t.Errorf("explain does not say %q:\n%s", says, w.out)
	}
}

func TestRequestIsGranted(t *testing.T) {
	for _, c := range []struct{ name, in string }{{"by --yes", ""}, {"by a human", "y\n"}} {
		cl := staged.New("mg")
		w := worldOf(cl)
		w.answer(t, cl, "pause", "pause by request", func(r *cluster.Record) { r.Paused = true })
		w.in, w.asks = c.in, c.in != ""
		args := []string{"pause"}
		if c.in == "" {
			args = append(args, "--yes")
		}
		w.run(t, args...).want(t, 0, "")
		if !strings.Contains(w.out, "granted: pause by request") || !strings.Contains(w.out, "Done in ") {
			t.Errorf("%s:\n%s", c.name, w.out)
		}
	}
}

func TestRequestIsRefused(t *testing.T) {
	c := staged.New("mg")
	w := worldOf(c)
	w.answer(t, c, "switchover 2", "switchover refused: mg-memgraph-2 was told to stop; accepted now: switchover 1", nil)
	w.run(t, "switchover", "2", "--yes").want(t, 1, "kubectl memgraph: switchover refused: mg-memgraph-2 was told to stop; accepted now: switchover 1")
}

// TestAdviceNamesTheSameCluster: a command that is copied from an answer must not act on
// another cluster than the one that was asked about.
func TestAdviceNamesTheSameCluster(t *testing.T) {
	c := staged.New("mg")
	c.Status.Nodes[2].Contact = "refused"
	place := []string{"-n", staged.Namespace, "--release", "mg", "--context", "prod eu", "--token", "secret"}
	w := worldOf(c).run(t, append([]string{"explain", "2"}, place...)...)
	if want := "Next: kubectl --context 'prod eu' -n shop describe pod mg-memgraph-2, and kubectl memgraph logs --context 'prod eu' -n shop --release mg"; w.code != 0 || !strings.Contains(w.out, want) {
		t.Errorf("code %d, output:\n%s\nwant: %s", w.code, w.out, want)
	}
	gone := staged.New("mg")
	gone.Forget()
	w = worldOf(gone).run(t, append([]string{"pause", "--yes"}, place...)...)
	w.want(t, 1, "see kubectl --context 'prod eu' -n shop get pods -l ")
	w.want(t, 1, " and kubectl memgraph logs --all --context 'prod eu' -n shop --release mg\n")
	w = worldOf(gone).run(t, "pause", "--yes", "--as", "viewer", "--as-group=a b", "--as-group", "c", "--server", "https://10.0.0.1:6443", "--tls-server-name=api")
	w.want(t, 1, " and kubectl memgraph logs --all --server https://10.0.0.1:6443 --tls-server-name api --as viewer --as-group 'a b' --as-group c\n")
	if strings.Contains(w.errs+w.out, "secret") {
		t.Errorf("an advice shows the token:\n%s", w.errs)
	}
	worldOf().run(t, append([]string{"status"}, place...)...).want(t, 1, "see where there are any with kubectl --context 'prod eu' get deployments -A -l ")
}

// TestRefusedBeforeItIsAsked: nobody is shown a plan that is no plan, or asked to agree
// to it, and a dry run says the same.
func TestRefusedBeforeItIsAsked(t *testing.T) {
	for _, c := range []struct {
		file string
		args []string
		says string
	}{
		{"rebuild-main.txt", []string{"rebuild", "mg-memgraph-0"}, "kubectl memgraph: rebuild refused: mg-memgraph-0 is MAIN, and its data are what the others copy; accepted now: rebuild 2\n"},
		{"", []string{"switchover", "0"}, "kubectl memgraph: switchover refused: mg-memgraph-0 is MAIN already; accepted now: switchover 1, switchover 2\n"},
		{"", []string{"promote", "0", "--accept-data-loss"}, "kubectl memgraph: promote refused: mg-memgraph-0 is MAIN already and lives; accepted now: promote 1 --accept-data-loss, promote 2 --accept-data-loss\n"},
		{"", []string{"resume"}, "kubectl memgraph: resume refused: nothing is paused; accepted now: pause\n"},
	} {
		for _, how := range [][]string{nil, {"--yes"}, {"--dry-run"}} {
			w := worldOf(staged.New("mg"))
			w.in, w.asks = "y\n", true
			w.run(t, append(c.args, how...)...)
			if c.file != "" {
				golden(t, c.file, w.errs)
			}
			if w.code != 1 || w.errs != c.says || w.out != "" {
				t.Errorf("%v %v: code %d, output %q, errors %q; want %q", c.args, how, w.code, w.out, w.errs, c.says)
			}
			for _, a := range w.client.Actions() {
				if a.GetVerb() == "patch" {
					t.Errorf("%v %v: it was asked nevertheless", c.args, how)
				}
			}
		}
	}
}

func TestHumanSaysNo(t *testing.T) {
	for _, in := range []string{"n\n", "\n", ""} {
		w := worldOf(staged.New("mg"))
		w.in, w.asks = in, true
		w.run(t, "pause").want(t, 1, "nothing was asked")
		for _, a := range w.client.Actions() {
			if a.GetVerb() == "patch" {
				t.Errorf("%q: it was asked nevertheless", in)
			}
		}
	}
}

func TestNobodyAnswers(t *testing.T) {
	w := worldOf(staged.New("mg"))
	w.run(t, "pause", "--yes", "--timeout", "20ms").want(t, 3, "nobody has answered, so the request was taken back")
	m, err := w.client.CoreV1().ConfigMaps(staged.Namespace).Get(t.Context(), "memgraph-controller-state", metav1.GetOptions{})
	if err != nil || m.Annotations[kube.RequestAnnotation] != "" {
		t.Errorf("%v: %v", m.Annotations, err)
	}
}

func TestLogs(t *testing.T) {
	w := worldOf(staged.New("mg")).run(t, "logs")
	w.want(t, 0, "")
	want := "mg-controller-7c9f-b8mzq  fake logs\nmg-memgraph-0             fake logs\nmg-memgraph-1             fake logs\nmg-memgraph-2             fake logs\n"
	if w.out != want {
		t.Errorf("got:\n%s\nwant:\n%s", w.out, want)
	}
	if w.run(t, "logs", "--all"); strings.Count(w.out, "mg-controller") != 3 {
		t.Errorf("all controllers:\n%s", w.out)
	}
}

// TestLogsFollowsNewPods: a controller's pod that appears after a rollout is followed,
// once its container has begun.
func TestLogsFollowsNewPods(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := staged.New("mg")
		w := worldOf(c)
		pods := w.client.CoreV1().Pods(staged.Namespace)
		add := func(name string, state corev1.ContainerState) {
			p := c.Pods[4].DeepCopy()
			p.Name = name
			p.Status.ContainerStatuses[0].State = state
			if _, err := pods.Create(t.Context(), p, metav1.CreateOptions{}); err != nil {
				t.Error(err)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), 8*time.Second)
		defer cancel()
		time.AfterFunc(3*time.Second, func() {
			add("mg-controller-9d2a-newcomer", corev1.ContainerState{})
			add("mg-controller-9d2a-pending", corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ContainerCreating"}})
		})
		var out, errs bytes.Buffer
		code := execute(ctx, []string{"logs", "-f"}, streams{in: strings.NewReader(""), out: &out, errs: &errs}, func(*kubectl) (source.Source, error) {
			return source.Source{API: w.client, Namespace: staged.Namespace, Host: staged.Host}, nil
		})
		if code != 0 || errs.String() != "" {
			t.Errorf("code %d, errors %s", code, errs.String())
		}
		for name, want := range map[string]bool{"mg-controller-7c9f-4xk2p  ": true, "mg-memgraph-2 ": true, "mg-controller-9d2a-newcomer  ": true, "pending": false} {
			if strings.Contains(out.String(), name) != want {
				t.Errorf("%q is in what is followed: %v; want %v:\n%s", name, !want, want, out.String())
			}
		}
	})
}

func TestReport(t *testing.T) {
	path := filepath.Join(t.TempDir(), "report.zip")
	w := worldOf(staged.New("mg"))
	w.run(t, "report", "--file", path).want(t, 0, "")
	if info, err := os.Stat(path); err != nil || info.Size() == 0 || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	w.run(t, "report", "--file", path).want(t, 2, "file exists; name another")
}

func TestPreflight(t *testing.T) {
	w := worldOf(staged.New("mg"))
	w.client.Discovery().(*fakediscovery.FakeDiscovery).FakedServerVersion = &apiversion.Info{Major: "1", Minor: "27", GitVersion: "v1.27.9"}
	w.in = "memgraph: {replicas: 12, extraArgs: [--bolt-port=1]}"
	w.run(t, "preflight", "--release", "other", "-f", "-").want(t, 1, "")
	for _, text := range []string{"needs 1.28 or newer", "want 1 to 9", "--bolt-port is set by the chart", "release mg uses ConfigMap", "no StorageClass is the default", "this machine's clock is"} {
		if !strings.Contains(w.out, text) {
			t.Errorf("it does not say %q:\n%s", text, w.out)
		}
	}
	if w.errs != "" {
		t.Errorf("errors: %s", w.errs)
	}
}

// TestClockIsTold: whoever reads ages must know that two clocks do not agree.
func TestClockIsTold(t *testing.T) {
	var errs bytes.Buffer
	k := &kubectl{streams: streams{errs: &errs}}
	for _, c := range []struct {
		ahead time.Duration
		want  string
	}{
		{0, ""},
		{42 * time.Second, "This machine's clock is 42s ahead of the API server's; ages are by the API server's.\n"},
		{-42 * time.Second, "This machine's clock is 42s behind the API server's; ages are by the API server's.\n"},
	} {
		errs.Reset()
		k.remark(source.Source{Clock: fixed(c.ahead)})
		if errs.String() != c.want {
			t.Errorf("%s: %q", c.ahead, errs.String())
		}
	}
}

type fixed time.Duration

func (f fixed) Ahead() (time.Duration, bool) { return time.Duration(f), true }

// TestWatch: not on a terminal, it is shown when it has changed and not before.
func TestWatch(t *testing.T) {
	c := staged.New("mg")
	client := staged.Serve(c)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	reads := 0
	var out bytes.Buffer
	client.PrependReactor("list", "configmaps", func(kubetesting.Action) (bool, runtime.Object, error) {
		switch reads++; reads {
		case 3:
			c.Record.Paused = true
			if err := client.Tracker().Update(corev1.SchemeGroupVersion.WithResource("configmaps"), c.ConfigMap(), staged.Namespace); err != nil {
				t.Error(err)
			}
		case 6:
			cancel()
		}
		return false, nil, nil
	})
	k := &kubectl{streams: streams{out: &out, errs: io.Discard}, reach: func(*kubectl) (source.Source, error) {
		return source.Source{API: client, Namespace: staged.Namespace, Clock: at{}}, nil
	}}
	k.bind(&cobra.Command{})
	show, err := shower("", false)
	if err != nil {
		t.Fatal(err)
	}
	if err := k.watch(ctx, show, time.Millisecond); err != nil {
		t.Fatal(err)
	}
	if shown, paused := strings.Count(out.String(), "mg  namespace"), strings.Count(out.String(), "paused: nothing"); shown != 2 || paused != 1 {
		t.Errorf("shown %d times, %d of them paused:\n%s", shown, paused, out.String())
	}
}

func TestCompletion(t *testing.T) {
	w := worldOf(staged.New("mg"))
	w.run(t, "__complete", "switchover", "").want(t, 0, "")
	if !strings.HasPrefix(w.out, "mg-memgraph-0\tMAIN\nmg-memgraph-1\tstandby\nmg-memgraph-2\treplica\n") {
		t.Errorf("nodes:\n%s", w.out)
	}
	w.run(t, "__complete", "status", "--release", "")
	if !strings.HasPrefix(w.out, "mg\n") {
		t.Errorf("releases:\n%s", w.out)
	}
	if got := strings.Join(arguments([]string{"/usr/local/bin/kubectl_complete-memgraph", "status", ""}), " "); got != "__complete status " {
		t.Errorf("called by kubectl: %q", got)
	}
	if got := strings.Join(arguments([]string{"kubectl-memgraph", "status"}), " "); got != "status" {
		t.Errorf("called by name: %q", got)
	}
}

// TestReach: flags of kubectl lead to the API server that they name.
func TestReach(t *testing.T) {
	var mu sync.Mutex
	var asked []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		asked = append(asked, r.URL.Path)
		w.WriteHeader(http.StatusUnauthorized)
	}))
	defer server.Close()
	config := filepath.Join(t.TempDir(), "config")
	text := "apiVersion: v1\nkind: Config\ncurrent-context: a\nclusters: [{name: a, cluster: {server: " + server.URL + "}}]\ncontexts: [{name: a, context: {cluster: a, namespace: shop}}, {name: b, context: {cluster: a, namespace: other}}]\n"
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args      []string
		namespace string
	}{
		{[]string{"status", "--kubeconfig", config}, "shop"},
		{[]string{"status", "--kubeconfig", config, "--context", "b"}, "other"},
		{[]string{"status", "--kubeconfig", config, "-n", "third"}, "third"},
	} {
		var out, errs bytes.Buffer
		code := execute(t.Context(), c.args, streams{in: strings.NewReader(""), out: &out, errs: &errs}, reach)
		if code != 1 || !strings.Contains(errs.String(), "does not know you: log in again") {
			t.Errorf("%v: code %d, %s", c.args, code, errs.String())
		}
		mu.Lock()
		for _, path := range asked {
			if !strings.Contains(path, "/namespaces/"+c.namespace+"/") {
				t.Errorf("%v: asked %s", c.args, path)
			}
		}
		if len(asked) != 3 {
			t.Errorf("%v: %d questions, want 3 and no discovery: %v", c.args, len(asked), asked)
		}
		asked = nil
		mu.Unlock()
	}
	t.Setenv("KUBECONFIG", filepath.Join(t.TempDir(), "none"))
	var errs bytes.Buffer
	if code := execute(t.Context(), []string{"status"}, streams{in: strings.NewReader(""), out: io.Discard, errs: &errs}, reach); code != 2 || !strings.Contains(errs.String(), "set KUBECONFIG, or give --kubeconfig") {
		t.Errorf("no kubeconfig: code %d, %s", code, errs.String())
	}
}

// TestDocs: what the docs show is what is printed. A block is after a comment that
// names its file.
func TestDocs(t *testing.T) {
	raw, err := os.ReadFile("../../docs/kubectl-memgraph.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)<!-- ([a-z/.-]+) -->\n```\n(?:\\$ [^\n]*\n)?(.*?)```").FindAllStringSubmatch(string(raw), -1)
	if len(blocks) < 6 {
		t.Fatalf("%d examples found", len(blocks))
	}
	for _, b := range blocks {
		want, err := os.ReadFile("../../" + b[1])
		if err != nil {
			t.Error(err)
		} else if b[2] != string(want) {
			t.Errorf("%s: the docs show\n%s\nand it is\n%s", b[1], b[2], want)
		}
	}
}
