package request_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes/fake"
	kubetesting "k8s.io/client-go/testing"

	"memgraph-controller/internal/cluster"
	"memgraph-controller/internal/kube"
	"memgraph-controller/internal/plugin/problem"
	"memgraph-controller/internal/plugin/request"
	"memgraph-controller/internal/plugin/staged"
	"memgraph-controller/internal/plugin/view"
)

// planned plans what is wanted of c.
func planned(t *testing.T, c *staged.Cluster, w request.Want) request.Plan {
	t.Helper()
	p, err := request.Make(view.Of(c.Raw()), c.ConfigMap(), w)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestMake(t *testing.T) {
	well := func(*staged.Cluster) {}
	paused := func(c *staged.Cluster) { c.Record.Paused = true }
	for _, c := range []struct {
		name  string
		world func(*staged.Cluster)
		want  request.Want
		text  string
		says  []string
		fails string
		code  int
	}{
		{name: "switchover", world: well, want: request.Want{Ask: cluster.AskSwitchover}, text: "switchover", says: []string{
			"now     mg-memgraph-0 is MAIN in epoch 4, serving; the standby is mg-memgraph-1", "mg-memgraph-1 takes over from mg-memgraph-0, in epoch 5", "some 30 ms",
		}},
		{name: "switchover to a node", world: well, want: request.Want{Ask: cluster.AskSwitchover, Node: "mg-memgraph-2"}, text: "switchover 2", says: []string{"mg-memgraph-2 takes over"}},
		{name: "switchover to a node that is down", world: func(c *staged.Cluster) { c.Status.Nodes[2].Contact = "refused" }, want: request.Want{Ask: cluster.AskSwitchover, Node: "2"}, text: "switchover 2", says: []string{"beware  mg-memgraph-2 is down, and the leader refuses that as long as it is: see kubectl memgraph explain 2"}},
		{name: "promote", world: well, want: request.Want{Ask: cluster.AskPromote, Node: "2", AcceptDataLoss: true}, text: "promote 2 --accept-data-loss", says: []string{"ARE LOST"}},
		{name: "promote the standby", world: well, want: request.Want{Ask: cluster.AskPromote, Node: "1", AcceptDataLoss: true}, text: "promote 1 --accept-data-loss", says: []string{"beware  mg-memgraph-1 is promotable: if MAIN lives, switchover 1 loses nothing"}},
		{name: "promote without the flag", world: well, want: request.Want{Ask: cluster.AskPromote, Node: "2"}, fails: "add --accept-data-loss", code: problem.Misuse},
		{name: "unknown node", world: well, want: request.Want{Ask: cluster.AskRebuild, Node: "7"}, fails: "want mg-memgraph-0, mg-memgraph-1 or mg-memgraph-2", code: problem.Misuse},
		{name: "rebuild", world: well, want: request.Want{Ask: cluster.AskRebuild, Node: "2"}, text: "rebuild 2", says: []string{"copies mg-memgraph-0 anew"}},
		{name: "pause", world: well, want: request.Want{Ask: cluster.AskPause}, text: "pause", says: []string{"nobody fails over until resume"}},
		{name: "resume", world: paused, want: request.Want{Ask: cluster.AskResume}, text: "resume", says: []string{"decisions go on"}},
		{name: "discard", world: well, want: request.Want{Ask: cluster.AskDiscard, Node: "1"}, text: "discard 1", says: []string{"none is known of"}},
		{name: "adopt", world: func(c *staged.Cluster) { c.Record, c.Status.Record = nil, nil }, want: request.Want{Ask: cluster.AskAdopt, Node: "1"}, text: "adopt 1", says: []string{"nobody is recorded as MAIN"}},
		{name: "promote a MAIN that answers as a replica", world: func(c *staged.Cluster) { c.Status.Nodes[0].Role = "replica" }, want: request.Want{Ask: cluster.AskPromote, Node: "0", AcceptDataLoss: true}, text: "promote 0 --accept-data-loss"},
		{name: "promote a MAIN that is lost", world: func(c *staged.Cluster) { c.Status.Nodes[0].Contact, c.Status.Nodes[0].Gone = "refused", true }, want: request.Want{Ask: cluster.AskPromote, Node: "0", AcceptDataLoss: true}, text: "promote 0 --accept-data-loss"},
		{name: "controller not running", world: (*staged.Cluster).Forget, want: request.Want{Ask: cluster.AskPause}, fails: "no controller of release mg leads, so nobody would answer: see kubectl -n shop get pods", code: problem.Failed},
		{name: "another request waits", world: func(c *staged.Cluster) { c.Notes[kube.RequestAnnotation] = "pause" }, want: request.Want{Ask: cluster.AskResume}, fails: `the request "pause" waits for an answer already`, code: problem.Failed},
	} {
		t.Run(c.name, func(t *testing.T) {
			world := staged.New("mg")
			c.world(world)
			p, err := request.Make(view.Of(world.Raw()), world.ConfigMap(), c.want)
			if c.fails != "" {
				if err == nil || !strings.Contains(err.Error(), c.fails) || problem.Code(err) != c.code {
					t.Errorf("%v (code %d), want %s (code %d)", err, problem.Code(err), c.fails, c.code)
				}
				return
			}
			if err != nil || p.Text != c.text {
				t.Fatalf("%q, %v; want %q", p.Text, err, c.text)
			}
			if _, err := cluster.ParseRequest(p.Text); err != nil {
				t.Errorf("the leader would not understand it: %v", err)
			}
			var b bytes.Buffer
			p.Write(&b)
			for _, text := range c.says {
				if !strings.Contains(b.String(), text) {
					t.Errorf("the plan does not say %q:\n%s", text, b.String())
				}
			}
		})
	}
}

// TestRefusedInThePlan: what the record rules out is refused before anybody is asked to
// agree, with what would be accepted.
func TestRefusedInThePlan(t *testing.T) {
	well := func(*staged.Cluster) {}
	for _, c := range []struct {
		name  string
		world func(*staged.Cluster)
		want  request.Want
		fails string
	}{
		{"rebuild MAIN", well, request.Want{Ask: cluster.AskRebuild, Node: "0"}, "rebuild refused: mg-memgraph-0 is MAIN, and its data are what the others copy; accepted now: rebuild 2"},
		{"rebuild the standby", well, request.Want{Ask: cluster.AskRebuild, Node: "1"}, "rebuild refused: mg-memgraph-1 holds every acknowledged write and protects them; nothing is wrong with it; accepted now: rebuild 2"},
		{"rebuild again", func(c *staged.Cluster) { c.Record.Rebuilds = []cluster.Rebuild{{Node: 2}} }, request.Want{Ask: cluster.AskRebuild, Node: "2"}, "rebuild refused: mg-memgraph-2 is being rebuilt already; no node would be accepted for rebuild now: kubectl memgraph explain says how each stands"},
		{"switchover to MAIN", well, request.Want{Ask: cluster.AskSwitchover, Node: "mg-memgraph-0"}, "switchover refused: mg-memgraph-0 is MAIN already; accepted now: switchover 1, switchover 2"},
		{"switchover to MAIN, a replica down", func(c *staged.Cluster) { c.Status.Nodes[2].Gone = true }, request.Want{Ask: cluster.AskSwitchover, Node: "0"}, "accepted now: switchover 1"},
		{"switchover without a standby", func(c *staged.Cluster) { c.Record.Seat = cluster.NoNode }, request.Want{Ask: cluster.AskSwitchover}, "switchover refused: nobody has the standby seat; accepted now: switchover 1, switchover 2"},
		{"rebuild while paused", func(c *staged.Cluster) { c.Record.Paused = true }, request.Want{Ask: cluster.AskRebuild, Node: "2"}, "rebuild refused: decisions are paused; resume first"},
		{"switchover while paused", func(c *staged.Cluster) { c.Record.Paused = true }, request.Want{Ask: cluster.AskSwitchover}, "switchover refused: decisions are paused; resume first"},
		{"switchover during another", func(c *staged.Cluster) {
			c.Record.Switchover = cluster.Switchover{Target: 1, ID: "switchover", Asked: staged.Now}
		}, request.Want{Ask: cluster.AskSwitchover, Node: "2"}, "switchover refused: mg-memgraph-1 is taking over already; ask again when that is over"},
		{"promote a MAIN that lives", well, request.Want{Ask: cluster.AskPromote, Node: "0", AcceptDataLoss: true}, "promote refused: mg-memgraph-0 is MAIN already and lives; accepted now: promote 1 --accept-data-loss, promote 2 --accept-data-loss"},
		{"adopt with a record", well, request.Want{Ask: cluster.AskAdopt, Node: "1"}, "adopt refused: there is a record, and mg-memgraph-0 is MAIN in it; kubectl memgraph switchover makes another node MAIN"},
		{"pause again", func(c *staged.Cluster) { c.Record.Paused = true }, request.Want{Ask: cluster.AskPause}, "pause refused: decisions are paused already; accepted now: resume"},
		{"resume what goes on", well, request.Want{Ask: cluster.AskResume}, "resume refused: nothing is paused; accepted now: pause"},
		{"switchover without a record", func(c *staged.Cluster) { c.Record, c.Status.Record = nil, nil }, request.Want{Ask: cluster.AskSwitchover}, "switchover refused: there is no record yet; accepted now: adopt 0, adopt 1, adopt 2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			world := staged.New("mg")
			c.world(world)
			_, err := request.Make(view.Of(world.Raw()), world.ConfigMap(), c.want)
			if err == nil || !strings.HasSuffix(err.Error(), c.fails) || problem.Code(err) != problem.Failed {
				t.Errorf("%v (code %d), want %s (code %d)", err, problem.Code(err), c.fails, problem.Failed)
			}
		})
	}
}

// TestUnreadableRecordIsNoRefusal: who may not read the record may be allowed to ask.
func TestUnreadableRecordIsNoRefusal(t *testing.T) {
	world := staged.New("mg")
	raw := world.Raw()
	raw.ConfigMap, raw.Missing = nil, []view.Missing{{What: view.RecordPart, Why: "it was not allowed"}}
	for _, want := range []request.Want{{Ask: cluster.AskSwitchover}, {Ask: cluster.AskRebuild, Node: "0"}, {Ask: cluster.AskPause}} {
		if p, err := request.Make(view.Of(raw), world.ConfigMap(), want); err != nil || len(p.Warnings) == 0 {
			t.Errorf("%s: %v, warnings %v", want.Ask, err, p.Warnings)
		}
	}
}

// leader plays the leader: it changes the staged record, and returns it as it is then.
type leader struct{ c *staged.Cluster }

func (l leader) grant(text, answer string, change func(*cluster.Record)) *corev1.ConfigMap {
	l.c.Record.Request = cluster.Accepted{ID: text, At: staged.Now, Answer: answer}
	l.c.Notes = map[string]string{kube.AnswerAnnotation: "2026-11-23T12:00:00Z " + text + ": " + answer}
	return l.write(change)
}

func (l leader) refuse(text, answer string) *corev1.ConfigMap {
	l.c.Notes = map[string]string{kube.AnswerAnnotation: "2026-11-23T12:00:00Z " + text + ": " + answer}
	return l.write(func(*cluster.Record) {})
}

func (l leader) write(change func(*cluster.Record)) *corev1.ConfigMap {
	next := *l.c.Record
	change(&next)
	l.c.Record = &next
	return l.c.ConfigMap()
}

func TestSwitchoverIsFollowedToItsEnd(t *testing.T) {
	c := staged.New("mg")
	f := request.Follow(planned(t, c, request.Want{Ask: cluster.AskSwitchover}), staged.Now)
	l := leader{c}
	at := staged.Now
	var told []string
	see := func(m *corev1.ConfigMap, after time.Duration, wantDone bool) {
		t.Helper()
		at = at.Add(after)
		news, done, err := f.See(m, at)
		if err != nil || done != wantDone {
			t.Fatalf("done %v, %v; want %v", done, err, wantDone)
		}
		told = append(told, news...)
	}
	wish := cluster.Switchover{Target: 1, ID: "switchover", Asked: staged.Now}
	see(l.grant("switchover", "switchover accepted", func(r *cluster.Record) { r.Switchover = wish }), 20*time.Millisecond, false)
	see(l.write(func(r *cluster.Record) {
		r.Stage, r.Target, r.Reason = cluster.Quiescing, 1, "switchover by request"
	}), 5*time.Millisecond, false)
	see(l.write(func(r *cluster.Record) { r.Stage = cluster.Demoting }), 30*time.Millisecond, false)
	see(l.write(func(r *cluster.Record) {
		r.Stage, r.Target, r.Main, r.Epoch, r.Seat, r.Switchover = cluster.Promoting, cluster.NoNode, 1, 5, 2, cluster.Switchover{}
	}), 40*time.Millisecond, false)
	see(l.write(func(r *cluster.Record) { r.Stage = cluster.Serving }), 35*time.Millisecond, true)
	want, err := os.ReadFile("testdata/switchover.txt")
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(told, "\n") + "\n"; got != string(want) {
		t.Errorf("told:\n%s\nwant:\n%s", got, want)
	}
}

func TestEnds(t *testing.T) {
	keep := func(*cluster.Record) {}
	for _, c := range []struct {
		name string
		want request.Want
		then []func(leader) *corev1.ConfigMap
		err  string // "": done
	}{
		{"refused", request.Want{Ask: cluster.AskSwitchover}, []func(leader) *corev1.ConfigMap{
			func(l leader) *corev1.ConfigMap {
				return l.refuse("switchover", "switchover refused: nobody holds the standby seat")
			},
		}, "switchover refused: nobody holds the standby seat"},
		{"given up", request.Want{Ask: cluster.AskSwitchover}, []func(leader) *corev1.ConfigMap{
			func(l leader) *corev1.ConfigMap {
				return l.grant("switchover", "accepted", func(r *cluster.Record) {
					r.Switchover = cluster.Switchover{Target: 1, ID: "switchover", Asked: staged.Now}
				})
			},
			func(l leader) *corev1.ConfigMap {
				return l.write(func(r *cluster.Record) {
					r.Switchover, r.Reason = cluster.Switchover{}, "switchover to mg-memgraph-1 given up after 30s"
				})
			},
		}, "mg-memgraph-0 is MAIN: switchover to mg-memgraph-1 given up"},
		{"pause", request.Want{Ask: cluster.AskPause}, []func(leader) *corev1.ConfigMap{
			func(l leader) *corev1.ConfigMap {
				return l.grant("pause", "pause by request", func(r *cluster.Record) { r.Paused = true })
			},
		}, ""},
		{"rebuild", request.Want{Ask: cluster.AskRebuild, Node: "2"}, []func(leader) *corev1.ConfigMap{
			func(l leader) *corev1.ConfigMap {
				return l.grant("rebuild 2", "rebuilt", func(r *cluster.Record) { r.Rebuilds = []cluster.Rebuild{{Node: 2}} })
			},
			func(l leader) *corev1.ConfigMap { return l.write(func(r *cluster.Record) { r.Rebuilds = nil }) },
		}, ""},
		{"promote", request.Want{Ask: cluster.AskPromote, Node: "2", AcceptDataLoss: true}, []func(leader) *corev1.ConfigMap{
			func(l leader) *corev1.ConfigMap {
				return l.grant("promote 2 --accept-data-loss", "promoted", func(r *cluster.Record) { r.Main, r.Epoch, r.Stage = 2, 5, cluster.Promoting })
			},
			func(l leader) *corev1.ConfigMap {
				return l.write(func(r *cluster.Record) { r.Stage = cluster.Serving })
			},
		}, ""},
		{"taken back by another", request.Want{Ask: cluster.AskPause}, []func(leader) *corev1.ConfigMap{
			func(l leader) *corev1.ConfigMap { return l.write(keep) },
		}, "taken back by somebody else"},
		{"replaced", request.Want{Ask: cluster.AskPause}, []func(leader) *corev1.ConfigMap{
			func(l leader) *corev1.ConfigMap {
				l.c.Notes = map[string]string{kube.RequestAnnotation: "resume"}
				return l.write(keep)
			},
		}, `replaced by another, "resume"`},
		{"deleted", request.Want{Ask: cluster.AskPause}, []func(leader) *corev1.ConfigMap{
			func(leader) *corev1.ConfigMap { return nil },
		}, "was deleted meanwhile"},
	} {
		t.Run(c.name, func(t *testing.T) {
			world := staged.New("mg")
			f := request.Follow(planned(t, world, c.want), staged.Now)
			for i, then := range c.then {
				_, done, err := f.See(then(leader{world}), staged.Now)
				last := i == len(c.then)-1
				switch {
				case !last && (done || err != nil):
					t.Fatalf("step %d: done %v, %v", i, done, err)
				case last && c.err == "" && (!done || err != nil):
					t.Fatalf("done %v, %v", done, err)
				case last && c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)):
					t.Fatalf("%v, want %s", err, c.err)
				}
			}
		})
	}
}

// TestSameWordsAgain: the grant of an earlier request in the same words is no answer.
func TestSameWordsAgain(t *testing.T) {
	c := staged.New("mg")
	c.Record.Request = cluster.Accepted{ID: "pause", At: staged.Now.Add(-time.Hour), Answer: "pause by request"}
	f := request.Follow(planned(t, c, request.Want{Ask: cluster.AskPause}), staged.Now)
	c.Notes = map[string]string{kube.RequestAnnotation: "pause"}
	if _, done, err := f.See(c.ConfigMap(), staged.Now); done || err != nil {
		t.Errorf("done %v, %v before anybody has answered", done, err)
	}
}

// desk returns a desk of an API server that holds c, and what it says.
func desk(c *staged.Cluster) (request.Desk, *fake.Clientset, func() string) {
	client := staged.Serve(c)
	var mu sync.Mutex
	var said []string
	d := request.Desk{API: client, Host: staged.Host, Say: func(line string) {
		mu.Lock()
		defer mu.Unlock()
		said = append(said, line)
	}}
	return d, client, func() string {
		mu.Lock()
		defer mu.Unlock()
		return strings.Join(said, "\n")
	}
}

// current reads the ConfigMap of the fake API server.
func current(t *testing.T, client *fake.Clientset) *corev1.ConfigMap {
	t.Helper()
	m, err := client.CoreV1().ConfigMaps(staged.Namespace).Get(t.Context(), "memgraph-controller-state", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestAskIsAnswered(t *testing.T) {
	c := staged.New("mg")
	p := planned(t, c, request.Want{Ask: cluster.AskPause})
	d, client, said := desk(c)
	var wg sync.WaitGroup
	wg.Go(func() {
		for current(t, client).Annotations[kube.RequestAnnotation] != "pause" {
			time.Sleep(time.Millisecond) // the fake leader's own watch
		}
		m := leader{c}.grant("pause", "pause by request", func(r *cluster.Record) { r.Paused = true })
		if _, err := client.CoreV1().ConfigMaps(staged.Namespace).Update(t.Context(), m, metav1.UpdateOptions{}); err != nil {
			t.Error(err)
		}
	})
	err := d.Ask(t.Context(), p)
	wg.Wait()
	if err != nil || !strings.Contains(said(), "granted: pause by request") {
		t.Errorf("%v; said %s", err, said())
	}
}

// TestNobodyAnswers: the request does not stay behind.
func TestNobodyAnswers(t *testing.T) {
	c := staged.New("mg")
	c.Notes[kube.AnswerAnnotation] = "2026-11-23T11:00:00Z pause: pause refused: an old answer"
	p := planned(t, c, request.Want{Ask: cluster.AskPause})
	d, client, _ := desk(c)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	err := d.Ask(ctx, p)
	if problem.Code(err) != problem.Late || !strings.Contains(err.Error(), "nobody has answered, so the request was taken back") {
		t.Errorf("code %d: %v", problem.Code(err), err)
	}
	if left, there := current(t, client).Annotations[kube.RequestAnnotation]; there {
		t.Errorf("the request %q waits for a later leader", left)
	}
}

// TestInterrupted: somebody who presses Ctrl-C is told so, and not that it was late.
func TestInterrupted(t *testing.T) {
	c := staged.New("mg")
	p := planned(t, c, request.Want{Ask: cluster.AskPause})
	d, client, _ := desk(c)
	ctx, cancel := context.WithCancel(t.Context())
	client.PrependWatchReactor("configmaps", func(kubetesting.Action) (bool, watch.Interface, error) {
		cancel()
		return true, nil, errors.New("gone")
	})
	err := d.Ask(ctx, p)
	if problem.Code(err) != problem.Failed || current(t, client).Annotations[kube.RequestAnnotation] != "" {
		t.Errorf("code %d: %v", problem.Code(err), err)
	}
}

func TestTryWritesNothing(t *testing.T) {
	c := staged.New("mg")
	p := planned(t, c, request.Want{Ask: cluster.AskPause})
	d, client, _ := desk(c)
	if err := d.Try(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	for _, a := range client.Actions() {
		if patch, ok := a.(kubetesting.PatchActionImpl); ok && len(patch.PatchOptions.DryRun) != 1 {
			t.Errorf("patched for good: %s", patch.Patch)
		}
	}
}

func TestNotAllowed(t *testing.T) {
	c := staged.New("mg")
	p := planned(t, c, request.Want{Ask: cluster.AskPause})
	d, client, _ := desk(c)
	staged.Refuse(client, "patch", "configmaps", staged.Forbidden("configmaps"))
	err := d.Ask(t.Context(), p)
	if err == nil || !strings.Contains(err.Error(), `you may not patch configmaps "memgraph-controller-state" in namespace shop`) {
		t.Errorf("%v", err)
	}
}

// TestOnlyWhatWasPlanned: a write of the leader in between does not matter, unless it
// changes what the plan has shown.
func TestOnlyWhatWasPlanned(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*cluster.Record)
		fails  string
	}{
		{"another write", func(r *cluster.Record) { r.Reason = "something else" }, ""},
		{"another MAIN", func(r *cluster.Record) { r.Main, r.Epoch = 1, 5 }, "nothing was asked: the cluster has changed since the plan was shown, node 1 is MAIN now"},
	} {
		world := staged.New("mg")
		p := planned(t, world, request.Want{Ask: cluster.AskPause})
		d, client, _ := desk(world)
		conflicts := 0
		client.PrependReactor("patch", "configmaps", func(kubetesting.Action) (bool, runtime.Object, error) {
			if conflicts++; conflicts > 1 {
				return false, nil, nil
			}
			m := leader{world}.write(c.change)
			if err := client.Tracker().Update(corev1.SchemeGroupVersion.WithResource("configmaps"), m, staged.Namespace); err != nil {
				t.Error(err)
			}
			return true, nil, apierrors.NewConflict(schema.GroupResource{Resource: "configmaps"}, m.Name, errors.New("changed"))
		})
		err := d.Try(t.Context(), p)
		if c.fails == "" && err != nil || c.fails != "" && (err == nil || !strings.Contains(err.Error(), c.fails)) {
			t.Errorf("%s: %v, want %q", c.name, err, c.fails)
		}
	}
}

// TestAdoptMakesTheConfigMap: without one there is nothing to annotate.
func TestAdoptMakesTheConfigMap(t *testing.T) {
	c := staged.New("mg")
	c.Record = nil
	p := planned(t, c, request.Want{Ask: cluster.AskAdopt, Node: "1"})
	d, client, _ := desk(c)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := d.Ask(ctx, p); problem.Code(err) != problem.Late {
		t.Errorf("%v", err)
	}
	if m := current(t, client); len(m.Data) != 0 || m.Annotations[kube.RequestAnnotation] != "" {
		t.Errorf("%+v", m)
	}
}
