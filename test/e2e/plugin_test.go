//go:build e2e

package e2e

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// The exit codes of the plugin.
const (
	pluginDone    = 0
	pluginRefused = 1
	pluginMisused = 2
)

// plugin calls the plugin for the release, wants an exit code and texts in what it
// prints, and returns its output.
func plugin(t *testing.T, r *Release, code int, args []string, says ...string) string {
	t.Helper()
	said, err := r.Plugin(t.Context(), args...)
	must(t, err)
	if said.Code != code {
		t.Fatalf("kubectl memgraph %s: %s\nwant exit code %d", strings.Join(args, " "), said, code)
	}
	for _, text := range says {
		if !strings.Contains(said.Out+said.Errs, text) {
			t.Errorf("kubectl memgraph %s does not say %q: %s", strings.Join(args, " "), text, said)
		}
	}
	return said.Out
}

// seen is what scripts read of status -o json here.
type seen struct {
	Record struct {
		Main, Standby string
		Epoch         uint64
		Paused        bool
	}
	Leader string
	Nodes  []struct {
		Name             string
		Main, Promotable bool
	}
	Controllers []struct{ Version string }
	Risk        struct{ Level string }
}

// status is what the plugin tells of the release.
func status(t *testing.T, r *Release) seen {
	t.Helper()
	var s seen
	must(t, json.Unmarshal([]byte(plugin(t, r, pluginDone, []string{"status", "-o", "json"})), &s))
	return s
}

// mainOf is the name of MAIN by the record itself, and its epoch.
func mainOf(t *testing.T, r *Release, m *corev1.ConfigMap) (name string, epoch uint64) {
	t.Helper()
	epoch, err := strconv.ParseUint(m.Data["epoch"], 10, 64)
	must(t, err)
	return r.Name + "-memgraph-" + m.Data["masterIndex"], epoch
}

// TestPluginTellsWhatTheRecordSays: status and explain read the record, the lease and
// the leader's status through the API server.
func TestPluginTellsWhatTheRecordSays(t *testing.T) {
	r := shared(t)
	underWrites(t, r, func(*Load) {
		main, epoch := mainOf(t, r, get(t, r.Record))
		s := status(t, r)
		if s.Record.Main != main || s.Record.Epoch != epoch || s.Leader != get(t, r.Leader).Identity || len(s.Nodes) != 3 || len(s.Controllers) != 3 {
			t.Errorf("it tells %+v; want MAIN %s, epoch %d", s, main, epoch)
		}
		if s.Risk.Level != "none" && s.Risk.Level != "reduced" { // a node of which earlier tests have killed much is called flapping
			t.Errorf("risk %+v of a release that is whole", s.Risk)
		}
		text := plugin(t, r, pluginDone, []string{"status"}, "MAIN is "+main, "at risk: ")
		if strings.Contains(text, "\x1b") {
			t.Errorf("there are colours, and no terminal:\n%s", text)
		}
		for _, n := range s.Nodes {
			switch n.Name {
			case main:
				plugin(t, r, pluginDone, []string{"explain", n.Name}, n.Name+": it is MAIN")
			case s.Record.Standby:
				plugin(t, r, pluginDone, []string{"explain", n.Name}, n.Name+": yes: it is proven")
			default:
				want := fmt.Sprintf("%s: no: %s waits for the word of %s alone", n.Name, main, s.Record.Standby)
				must(t, Until(t.Context(), time.Minute, want, func(ctx context.Context) error { // MAIN calls a new replica invalid at first
					said, err := r.Plugin(ctx, "explain", n.Name)
					if err == nil && !strings.Contains(said.Out, want) {
						err = errors.New(said.String())
					}
					return err
				}))
			}
		}
		plugin(t, r, pluginDone, []string{"logs", "--tail", "50"}, s.Leader+"  ")
	})
}

// TestPluginSaysWhyANodeIsNotPromotable: one that is frozen answers nobody.
func TestPluginSaysWhyANodeIsNotPromotable(t *testing.T) {
	needsLab(t)
	r := shared(t)
	underWrites(t, r, func(*Load) {
		other := bystander(t, r)
		must(t, place.Lab.Freeze(t.Context(), r.Namespace, other))
		defer func() { must(t, place.Lab.Thaw(context.WithoutCancel(t.Context()), r.Namespace, other)) }()
		must(t, Until(t.Context(), 30*time.Second, "the reason", func(ctx context.Context) error {
			said, err := r.Plugin(ctx, "explain", other)
			if err == nil && !strings.Contains(said.Out, other+": no: it is down (") {
				err = errors.New(said.String())
			}
			return err
		}))
	})
}

// bystander is the replica that has not the standby seat and protects nothing.
func bystander(t *testing.T, r *Release) string {
	t.Helper()
	s := status(t, r)
	for _, n := range s.Nodes {
		if !n.Main && !n.Promotable && n.Name != s.Record.Standby {
			return n.Name
		}
	}
	t.Fatalf("every node is MAIN or promotable: %+v", s)
	return ""
}

// TestPluginSwitchesOver: the plan first, then the deed, then refusals that change
// nothing.
func TestPluginSwitchesOver(t *testing.T) {
	r := shared(t)
	underWrites(t, r, func(*Load) {
		old, epoch := mainOf(t, r, get(t, r.Record))
		heir := status(t, r).Record.Standby
		plugin(t, r, pluginDone, []string{"switchover", "--dry-run"}, heir+" takes over from "+old, "Dry run")
		plugin(t, r, pluginMisused, []string{"switchover"}, "give --yes to do it") // nobody can be asked
		if main, now := mainOf(t, r, get(t, r.Record)); main != old || now != epoch {
			t.Fatalf("%s is MAIN in epoch %d; it was %s in %d, and nothing was asked", main, now, old, epoch)
		}
		plugin(t, r, pluginDone, []string{"switchover", "--yes"}, "granted: ", "Done in ")
		main, now := mainOf(t, r, get(t, r.Record))
		if main != heir || now <= epoch {
			t.Fatalf("%s is MAIN in epoch %d by the record; want %s, after epoch %d", main, now, heir, epoch)
		}

		must(t, r.Settle(t.Context(), settled))
		main, now = mainOf(t, r, get(t, r.Record)) // a fresh epoch may have come meanwhile
		plugin(t, r, pluginRefused, []string{"switchover", main, "--yes"}, main+" is MAIN already; accepted now: switchover ")
		plugin(t, r, pluginRefused, []string{"rebuild", main, "--yes"}, main+" is MAIN, and its data are what the others copy")
		plugin(t, r, pluginRefused, []string{"resume", "--yes"}, "nothing is paused; accepted now: pause")
		plugin(t, r, pluginMisused, []string{"switchover", "7", "--yes"}, `node "7" is none of release `+r.Name)
		plugin(t, r, pluginMisused, []string{"promote", old, "--yes"}, "add --accept-data-loss")
		if again, after := mainOf(t, r, get(t, r.Record)); again != main || after != now {
			t.Errorf("%s is MAIN in epoch %d after refusals; it was %s in %d", again, after, main, now)
		}
		plugin(t, r, pluginDone, []string{"history"}, main)
	})
}

// TestPluginRebuilds: it ends when the node's data were copied anew.
func TestPluginRebuilds(t *testing.T) {
	r := shared(t)
	underWrites(t, r, func(*Load) {
		other := bystander(t, r)
		plugin(t, r, pluginDone, []string{"rebuild", other, "--yes", "--timeout", "3m"}, "granted: ", "Done in ")
		if s := status(t, r); s.Record.Main == other {
			t.Errorf("%s is MAIN; it was rebuilt", other)
		}
	})
}

// TestPluginPausesAndResumes: a MAIN that dies while decisions are paused is not
// replaced, the plugin says why, and resume heals.
func TestPluginPausesAndResumes(t *testing.T) {
	needsLab(t)
	r := shared(t)
	underWrites(t, r, func(l *Load) {
		main, epoch := mainOf(t, r, get(t, r.Record))
		plugin(t, r, pluginDone, []string{"pause", "--yes"}, "granted: pause by request", "Done in ")
		plugin(t, r, pluginRefused, []string{"pause", "--yes"}, "decisions are paused already; accepted now: resume")
		plugin(t, r, pluginRefused, []string{"switchover", "--yes"}, "decisions are paused; resume first")
		must(t, place.Lab.Kill(t.Context(), r.Namespace, main, Memgraph))
		for end := time.Now().Add(failAfter + 2*time.Second); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
			if name, now := mainOf(t, r, get(t, r.Record)); name != main || now != epoch {
				t.Fatalf("%s is MAIN in epoch %d although decisions are paused; it was %s in %d", name, now, main, epoch)
			}
		}
		if s := status(t, r); !s.Record.Paused || s.Risk.Level != "high" {
			t.Errorf("status: %+v", s)
		}
		plugin(t, r, pluginDone, []string{"explain"}, "decisions are paused by request. Next: kubectl memgraph resume")
		blow := strike(t, func() error {
			plugin(t, r, pluginDone, []string{"resume", "--yes"}, "granted: resume by request")
			return nil
		})
		resumes(t, l, 10*time.Second, blow)
		must(t, r.Settle(t.Context(), settled))
		next, now := mainOf(t, r, get(t, r.Record))
		if now <= epoch {
			t.Errorf("%s is MAIN in epoch %d; want one after %d: its process had died", next, now, epoch)
		}
		lists(t, r, now, next)
	})
}

// lists wants the plugin's history to have the reign that the record has, and the one
// before it.
func lists(t *testing.T, r *Release, epoch uint64, main string) {
	t.Helper()
	var reigns []struct {
		Epoch uint64
		Main  string
		Ended time.Time
	}
	must(t, json.Unmarshal([]byte(plugin(t, r, pluginDone, []string{"history", "-o", "json"})), &reigns))
	n := len(reigns)
	if n < 2 || reigns[n-1].Epoch != epoch || reigns[n-1].Main != main || !reigns[n-1].Ended.IsZero() || reigns[n-2].Epoch >= epoch {
		t.Errorf("history %+v; want it to end with %s in epoch %d", reigns, main, epoch)
	}
}

// TestPluginReportsWithoutSecrets: the record is in the report, and what somebody has
// written beside it and looks like a password is not.
func TestPluginReportsWithoutSecrets(t *testing.T) {
	const secret = "e2e-hush-hush"
	r := shared(t)
	underWrites(t, r, func(*Load) {
		note(t, r, `"mounted with password=`+secret+`"`)
		defer note(t, r, "null")
		main, epoch := mainOf(t, r, get(t, r.Record))
		file := filepath.Join(t.TempDir(), "report.zip")
		plugin(t, r, pluginDone, []string{"report", "--file", file, "--since", "10m"}, "Look at it before you publish it")
		all := unzip(t, file)
		record := string(all["objects/record.yaml"])
		for _, text := range []string{fmt.Sprintf("epoch: %q", strconv.FormatUint(epoch, 10)), "password=REDACTED"} {
			if !strings.Contains(record, text) {
				t.Errorf("the record in the report does not have %s:\n%s", text, record)
			}
		}
		if !strings.Contains(string(all["status.txt"]), "MAIN is "+main) {
			t.Errorf("status in the report:\n%s", all["status.txt"])
		}
		for name, data := range all {
			if bytes.Contains(data, []byte(secret)) {
				t.Errorf("the secret is in %s", name)
			}
		}
		plugin(t, r, pluginMisused, []string{"report", "--file", file}, "name another")
	})
}

// note writes a note beside the record, as JSON.
func note(t *testing.T, r *Release, value string) {
	t.Helper()
	body := fmt.Sprintf(`{"metadata":{"annotations":{"example.org/note":%s}}}`, value)
	_, err := place.API.CoreV1().ConfigMaps(r.Namespace).Patch(context.WithoutCancel(t.Context()), r.ConfigMap, types.MergePatchType, []byte(body), metav1.PatchOptions{})
	must(t, err)
}

// unzip returns the files of a report, by their names within it.
func unzip(t *testing.T, file string) map[string][]byte {
	t.Helper()
	archive, err := zip.OpenReader(file)
	must(t, err)
	defer archive.Close()
	all := map[string][]byte{}
	for _, f := range archive.File {
		r, err := f.Open()
		must(t, err)
		data, err := io.ReadAll(r)
		must(t, err)
		must(t, r.Close())
		_, name, _ := strings.Cut(f.Name, "/") // the directory of the report
		all[path.Clean(name)] = data
	}
	return all
}

// TestPluginWithoutControllers: what the API server knows is shown, and nobody is asked
// who would not answer.
func TestPluginWithoutControllers(t *testing.T) {
	r := shared(t)
	underWrites(t, r, func(*Load) {
		before := reign(t, r)
		main, epoch := mainOf(t, r, get(t, r.Record))
		must(t, r.Scale(t.Context(), 0))
		// A lease that nobody has given back counts until it has run out.
		must(t, Until(t.Context(), Takeover, "a refusal to ask", func(ctx context.Context) error {
			said, err := r.Plugin(ctx, "pause", "--yes", "--timeout", "1s")
			if err == nil && (said.Code != pluginRefused || !strings.Contains(said.Errs, "leads, so nobody would answer")) {
				err = errors.New(said.String())
			}
			return err
		}))
		s := status(t, r)
		if s.Record.Main != main || s.Record.Epoch != epoch || len(s.Controllers) != 0 || s.Risk.Level != "high" {
			t.Errorf("it tells %+v; want MAIN %s, epoch %d, no controllers", s, main, epoch)
		}
		plugin(t, r, pluginDone, []string{"status"}, "MAIN is "+main, "controllers: none runs", "no controller is known to run")
		must(t, r.Scale(t.Context(), 3))
		must(t, r.Settle(t.Context(), settled))
		same(t, r, before)
	})
}

// TestPluginPreflight: what these tests install would be found fit.
func TestPluginPreflight(t *testing.T) {
	said, err := place.plugin(t.Context(), "preflight", "-n", "e2e-nothing", "--release", "fresh")
	must(t, err)
	if said.Code != pluginDone || !strings.Contains(said.Out, "ok         version") || !strings.Contains(said.Out, "ok         rights") {
		t.Errorf("preflight: %s", said)
	}
}

// TestPluginSaysWhatToDoNext: no such release, none at all, and no right.
func TestPluginSaysWhatToDoNext(t *testing.T) {
	r := shared(t)
	must(t, r.Settle(t.Context(), settled))
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"status", "-n", r.Namespace, "--release", "nosuch"}, pluginMisused, "no release nosuch is in namespace " + r.Namespace + ": there is " + r.Name},
		{[]string{"status", "-n", "e2e-nothing"}, pluginRefused, "no release of the chart memgraph-ha is in namespace e2e-nothing: name another with -n"},
		{[]string{"status", "-n", r.Namespace, "--as", "nobody"}, pluginRefused, "you may not list "},
		{[]string{"status", "-n", r.Namespace, "-s", "http://127.0.0.1:1"}, pluginRefused, "does not answer"},
	} {
		said, err := place.plugin(t.Context(), c.args...)
		must(t, err)
		if said.Code != c.code || !strings.Contains(said.Errs, c.says) {
			t.Errorf("kubectl memgraph %s: %s\nwant exit code %d and %q", strings.Join(c.args, " "), said, c.code, c.says)
		}
	}
}
