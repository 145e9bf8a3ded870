package view_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"memgraph-controller/internal/api"
	"memgraph-controller/internal/cluster"
	"memgraph-controller/internal/kube"
	"memgraph-controller/internal/plugin/problem"
	"memgraph-controller/internal/plugin/staged"
	"memgraph-controller/internal/plugin/view"
)

var rewrite = flag.Bool("rewrite", false, "write what is shown now to testdata; then read git diff")

// worlds are clusters that an operator may look at.
var worlds = map[string]func() view.Raw{
	"well": func() view.Raw { return staged.New("mg").Raw() },
	"standby-down": func() view.Raw {
		c := staged.New("mg")
		c.Record.Seat, c.Record.Promotable = cluster.NoNode, nil
		c.Status.Nodes[1].Contact, c.Status.Nodes[1].Role, c.Status.Nodes[1].InSync, c.Status.Nodes[1].Gone = "refused", "unknown", false, true
		c.Status.Nodes[0].Replicas[0].Status = "invalid"
		c.Pods[1].Status.ContainerStatuses[0].State.Waiting = &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff"}
		c.Pods[1].Status.ContainerStatuses[0].RestartCount = 7
		c.Status.Conditions = []api.Condition{
			{Name: "Unprotected", Severity: "alarm", Message: "acknowledged writes are on one node only, until a replica has the standby seat again"},
			{Name: "Down", Severity: "warning", Node: c.Node(1), Message: c.Node(1) + " is down; the platform starts it again"},
		}
		return c.Raw()
	},
	"main-lost": func() view.Raw {
		c := staged.New("mg")
		c.Record.Promotable = nil
		c.Status.Nodes[0].Contact, c.Status.Nodes[0].Role, c.Status.Nodes[0].Replicas = "refused", "unknown", nil
		c.Status.Decision = "MAIN mg-memgraph-0 is gone; no automatic failover: nobody is promotable"
		return c.Raw()
	},
	"paused": func() view.Raw {
		c := staged.New("mg")
		c.Record.Paused = true
		c.Status.Conditions = []api.Condition{{Name: "Paused", Severity: "warning", Message: "the controller is paused by request and would not fail over"}}
		c.Notes[kube.AnswerAnnotation] = "2026-11-23T11:59:00Z pause: pause by request"
		return c.Raw()
	},
	"switching": func() view.Raw {
		c := staged.New("mg")
		c.Record.Stage, c.Record.Target = cluster.Demoting, 1
		c.Record.Switchover = cluster.Switchover{Target: 1, ID: "switchover", Asked: staged.Now}
		return c.Raw()
	},
	"no-controller": func() view.Raw {
		c := staged.New("mg")
		c.Forget()
		raw := c.Raw()
		raw.Missing = []view.Missing{{What: "what the leader sees", Why: "no controller that leads has answered"}}
		return raw
	},
	"no-record": func() view.Raw {
		c := staged.New("mg")
		c.Record = nil
		c.Status.Record, c.Status.Phase = nil, api.Bootstrap
		c.Status.Decision = "two nodes hold data: request adopt N"
		return c.Raw()
	},
	"no-rights": func() view.Raw {
		raw := staged.New("mg").Raw()
		raw.Told = nil
		raw.Lease = nil
		raw.Missing = []view.Missing{
			{What: view.LeasePart, Need: &problem.Act{Verb: "get", Resource: "leases.coordination.k8s.io", Name: "memgraph-controller-leader", Namespace: "shop"}},
			{What: "what the leader sees", Need: &problem.Act{Verb: "get", Resource: "pods/proxy", Namespace: "shop"}},
		}
		return raw
	},
	"one-controller": func() view.Raw {
		c := staged.New("mg")
		c.Pods = append(c.Pods[:3:3], c.Pods[4])
		return c.Raw()
	},
}

func TestGolden(t *testing.T) {
	for name, world := range worlds {
		v := view.Of(world())
		for kind, write := range map[string]func(*bytes.Buffer){
			"status":  func(b *bytes.Buffer) { view.WriteTree(b, v, false, false) },
			"wide":    func(b *bytes.Buffer) { view.WriteTree(b, v, false, true) },
			"colour":  func(b *bytes.Buffer) { view.WriteTree(b, v, true, false) },
			"explain": func(b *bytes.Buffer) { view.WriteExplanation(b, v, false, cluster.NoNode) },
			"history": func(b *bytes.Buffer) { view.WriteHistory(b, v, false) },
		} {
			t.Run(name+"/"+kind, func(t *testing.T) {
				var b bytes.Buffer
				write(&b)
				golden(t, filepath.Join("testdata", name+"."+kind), b.Bytes())
			})
		}
	}
}

func golden(t *testing.T, path string, got []byte) {
	t.Helper()
	if *rewrite {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v; go test ./internal/plugin/view -rewrite writes it", err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s:\n got:\n%s\nwant:\n%s", path, got, want)
	}
}

// TestColourIsOnlyColour: with the codes taken out the coloured tree is the plain one.
func TestColourIsOnlyColour(t *testing.T) {
	for name, world := range worlds {
		v := view.Of(world())
		var coloured, plain bytes.Buffer
		view.WriteTree(&coloured, v, true, true)
		view.WriteTree(&plain, v, false, true)
		text := coloured.String()
		for _, code := range []string{"0", "1", "2", "31", "32", "33"} {
			text = strings.ReplaceAll(text, "\x1b["+code+"m", "")
		}
		if text != plain.String() {
			t.Errorf("%s: the coloured tree says something else:\n%s\n%s", name, text, plain.String())
		}
	}
}

func TestRisk(t *testing.T) {
	want := map[string]string{
		"well": view.RiskNone, "standby-down": view.RiskHigh, "main-lost": view.RiskHigh, "paused": view.RiskHigh, "switching": view.RiskReduced,
		"no-controller": view.RiskHigh, "no-record": view.RiskHigh, "no-rights": view.RiskUnknown, "one-controller": view.RiskReduced,
	}
	for name, world := range worlds {
		if got := view.Of(world()).Risk; got.Level != want[name] || got.Text == "" {
			t.Errorf("%s: %+v, want level %s", name, got, want[name])
		}
	}
}

func TestNode(t *testing.T) {
	v := view.Of(staged.New("mg").Raw())
	for _, text := range []string{"1", "mg-memgraph-1"} {
		if n, err := v.Node(text); n != 1 || err != nil {
			t.Errorf("Node(%q) = %v, %v", text, n, err)
		}
	}
	for _, text := range []string{"3", "-1", "", "other-memgraph-1"} {
		_, err := v.Node(text)
		if err == nil || !strings.Contains(err.Error(), "want mg-memgraph-0, mg-memgraph-1 or mg-memgraph-2, or its number") {
			t.Errorf("Node(%q): %v", text, err)
		}
	}
	if _, err := (view.View{}).Node("0"); err == nil || !strings.Contains(err.Error(), "are not known") {
		t.Errorf("without nodes: %v", err)
	}
}

func TestFate(t *testing.T) {
	well := func() *staged.Cluster { return staged.New("mg") }
	for _, c := range []struct {
		name  string
		world func() view.Raw
		node  cluster.Ordinal
		want  string
	}{
		{"main, well", worlds["well"], 0, "mg-memgraph-1 holds every acknowledged write and would be promoted in epoch 5"},
		{"main, unprotected", worlds["standby-down"], 0, "nobody is promotable"},
		{"main, paused", worlds["paused"], 0, "nothing of this would happen before resume"},
		{"main, no controller", worlds["no-controller"], 0, "nothing of this would happen before one does"},
		{"standby", worlds["well"], 1, "writes would be refused until mg-memgraph-2 has the standby seat"},
		{"standby, paused", worlds["paused"], 1, "nobody else takes the seat before resume"},
		{"standby, no controller", worlds["no-controller"], 1, "nobody else takes the seat before one does"},
		{"standby, main down", worlds["main-lost"], 1, "is down"},
		{"replica", worlds["well"], 2, "would notice nothing"},
		{"down already", worlds["standby-down"], 1, "it is down already"},
		{"strict", func() view.Raw {
			c := well()
			c.Status.Nodes[2].Gone = true
			raw := c.Raw()
			raw.Release.Durability = "strict"
			return raw
		}, 1, "writes would wait until it is back"},
		{"available", func() view.Raw {
			c := well()
			c.Status.Nodes[2].Gone = true
			return c.Raw()
		}, 1, "would go on unprotected"},
		{"no record", worlds["no-record"], 0, "there is no record"},
	} {
		if got := view.Fate(view.Of(c.world()), c.node); !strings.Contains(got, c.want) {
			t.Errorf("%s: %q does not say %q", c.name, got, c.want)
		}
	}
}

// TestStanding: why a node may not be promoted, and what to do about it.
func TestStanding(t *testing.T) {
	condition := func(name, message string) func(*staged.Cluster) {
		return func(c *staged.Cluster) {
			c.Status.Conditions = []api.Condition{{Name: "Flapping", Node: c.Node(2), Message: "something else"}, {Name: name, Node: c.Node(2), Message: message}}
		}
	}
	for _, c := range []struct {
		name  string
		world func(*staged.Cluster)
		node  cluster.Ordinal
		want  string
	}{
		{"MAIN", nil, 0, "it is MAIN"},
		{"the standby", nil, 1, "yes: it is proven to hold every acknowledged write"},
		{"another replica", nil, 2, "no: mg-memgraph-0 waits for the word of mg-memgraph-1 alone, which has the standby seat; what it has acknowledged may not be here yet. It takes the seat if mg-memgraph-1 fails, and kubectl memgraph switchover 2 has it take the seat and then be MAIN"},
		{"a standby without a proof", func(c *staged.Cluster) { c.Record.Promotable = nil }, 1, "no: it has the standby seat, and no write was acknowledged through it yet; it counts with the first one"},
		{"a standby that is down", func(c *staged.Cluster) { c.Status.Nodes[1].Contact = "refused" }, 1, "no: by the record it holds every acknowledged write, but it is down (refused). Next: kubectl -n shop describe pod mg-memgraph-1, and kubectl memgraph logs"},
		{"down", func(c *staged.Cluster) {
			c.Status.Nodes[2].Gone = true
			c.Pods[2].Status.ContainerStatuses[0].State.Waiting = &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff"}
		}, 2, "no: it is down (pod CrashLoopBackOff). Next: kubectl -n shop describe pod mg-memgraph-2, and kubectl memgraph logs"},
		{"being rebuilt", func(c *staged.Cluster) { c.Record.Rebuilds = []cluster.Rebuild{{Node: 2}} }, 2, "no: its data are moved aside and it copies mg-memgraph-0 anew; it counts again when it has caught up"},
		{"estranged", condition("Estranged", "it answers, but MAIN does not reach it"), 2, "no: it answers, but MAIN does not reach it. Next: kubectl memgraph rebuild 2 moves its data aside, deletes nothing, and has it copy mg-memgraph-0"},
		{"ahead", condition("Ahead", "it is ahead of MAIN"), 2, "kubectl memgraph promote 2 --accept-data-loss makes it MAIN instead"},
		{"unusable", condition("Unusable", "it cannot be used"), 2, "no: it cannot be used"},
		{"told to stop", func(c *staged.Cluster) { c.Status.Nodes[2].Leaving = true }, 2, "no: it was told to stop"},
		{"not listed", func(c *staged.Cluster) { c.Status.Nodes[0].Replicas = c.Status.Nodes[0].Replicas[:1] }, 2, "no: mg-memgraph-0 does not list it among its replicas"},
		{"invalid", func(c *staged.Cluster) { c.Status.Nodes[0].Replicas[1].Status = "invalid" }, 2, "no: mg-memgraph-0 says of its replication: invalid"},
		{"nobody has the seat", func(c *staged.Cluster) { c.Record.Seat, c.Record.Promotable = cluster.NoNode, nil }, 2, "no: nobody has the standby seat: mg-memgraph-0 acknowledges writes without waiting for anybody"},
		{"no record", func(c *staged.Cluster) { c.Record, c.Status.Record = nil, nil }, 1, "no: there is no record, so nobody is proven to hold anything"},
	} {
		world := staged.New("mg")
		if c.world != nil {
			c.world(world)
		}
		if got := view.Standing(view.Of(world.Raw()), c.node); got != c.want && !strings.HasSuffix(got, c.want) {
			t.Errorf("%s: %s\nwant %s", c.name, got, c.want)
		}
	}
	raw := staged.New("mg").Raw()
	raw.ConfigMap, raw.Missing = nil, []view.Missing{{What: view.RecordPart, Why: "it was not allowed"}}
	if got := view.Standing(view.Of(raw), 1); got != "not known: the record could not be read" {
		t.Errorf("without a record that can be read: %s", got)
	}
}

// TestLease: who leads is by the lease only as long as it is fresh.
func TestLease(t *testing.T) {
	raw := staged.New("mg").Raw()
	raw.Told = nil
	if v := view.Of(raw); v.Leader == "" || v.Lease.Expired {
		t.Errorf("fresh: leader %q, %+v", v.Leader, v.Lease)
	}
	raw.Now = raw.Now.Add(time.Minute)
	if v := view.Of(raw); v.Leader != "" || !v.Lease.Expired {
		t.Errorf("run out: leader %q, %+v", v.Leader, v.Lease)
	}
}

// TestUnreadableRecord: what cannot be read is said to be missing, not absent.
func TestUnreadableRecord(t *testing.T) {
	raw := staged.New("mg").Raw()
	raw.ConfigMap.Data["epoch"] = "many"
	v := view.Of(raw)
	if v.Record != nil || v.Phase != api.Unknown || v.Risk.Level != view.RiskUnknown {
		t.Errorf("record %v, phase %s, risk %+v", v.Record, v.Phase, v.Risk)
	}
	if len(v.Missing) != 1 || !strings.Contains(v.Missing[0].Why, `record key epoch is "many"`) {
		t.Errorf("missing %+v", v.Missing)
	}
}
