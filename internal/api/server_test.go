package api_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"memgraph-controller/internal/api"
	"memgraph-controller/internal/app"
	"memgraph-controller/internal/cluster"
	"memgraph-controller/internal/controller"
	"memgraph-controller/internal/gateway"
)

// posed is a replica that stands as a test wants it.
type posed struct{ is app.Status }

func (p posed) Status() app.Status { return p.is }

func (p posed) Opinion(_ context.Context, n cluster.Ordinal, newest cluster.Epoch) cluster.Opinion {
	if newest == 8 {
		return cluster.Opinion{From: "told"}
	}
	if n == cluster.NoNode {
		return cluster.Opinion{From: p.is.Identity, Epoch: 7}
	}
	return cluster.Opinion{From: p.is.Identity, Contact: []cluster.Contact{cluster.Answered, cluster.Refused}[n], Epoch: 7}
}

var pair = cluster.Topology{{Name: "mg-0", Bolt: "mg-0:7687"}, {Name: "mg-1", Bolt: "mg-1:7687"}}

// ask returns the answer of a replica that stands like that.
func ask(t *testing.T, s app.Status, path string) (code int, body string) {
	t.Helper()
	h := api.New(api.Options{Replica: posed{s}, Topology: pair, Policy: cluster.DefaultPolicy(), Log: slog.New(slog.DiscardHandler)}).Handler()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
	return w.Code, w.Body.String()
}

func TestLiveUnlessStuck(t *testing.T) {
	if code, body := ask(t, app.Status{Leading: true}, "/livez"); code != http.StatusOK {
		t.Errorf("livez: %d %s", code, body)
	}
	code, body := ask(t, app.Status{Leading: true, Stalled: 90 * time.Second}, "/livez")
	if code != http.StatusServiceUnavailable || !strings.Contains(body, "stuck for 1m30s") {
		t.Errorf("livez of a leader that is stuck: %d %s", code, body)
	}
}

// A replica is ready when it knows where to send clients; it need not lead.
func TestReadyOnceTheRecordWasHeard(t *testing.T) {
	if code, _ := ask(t, app.Status{}, "/readyz"); code != http.StatusServiceUnavailable {
		t.Errorf("readyz before the record was heard: %d", code)
	}
	if code, _ := ask(t, app.Status{Heard: true}, "/readyz"); code != http.StatusOK {
		t.Errorf("readyz without a record: %d; clients are better held than refused", code)
	}
}

func TestPhases(t *testing.T) {
	rec := &cluster.Record{Main: 1, Epoch: 4, Stage: cluster.Serving, Seat: 0, Promotable: []cluster.Proof{{Node: 0}}}
	for want, s := range map[string]app.Status{
		"UNKNOWN":     {Record: rec},
		"BOOTSTRAP":   {Heard: true},
		"OPERATIONAL": {Heard: true, Record: rec},
	} {
		var got api.Status
		_, body := ask(t, s, "/api/v1/status")
		if err := json.Unmarshal([]byte(body), &got); err != nil || got.Phase != want {
			t.Errorf("phase %q, %v; want %s", got.Phase, err, want)
		}
	}
}

// A leader tells what it sees and does; the record's nodes go by their names.
func TestStatusOfALeader(t *testing.T) {
	rec := cluster.Record{
		Main: 1, Epoch: 4, Stage: cluster.Serving, Seat: 0, Promotable: []cluster.Proof{{Node: 0}}, Readers: []cluster.Ordinal{0},
		Target: 0, Switchover: cluster.Switchover{Target: 0, ID: "switchover"},
		Request: cluster.Accepted{ID: "switchover", Answer: "granted"},
	}
	since := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	kept := cluster.Aside{More: 4}
	kept.Newest[0] = cluster.Copy{Name: "20261123T120000.000000Z-rebuild", Since: since, Bytes: 7}
	_, body := ask(t, app.Status{
		Identity: "c-1", Leading: true, Leader: "c-1", Heard: true, Record: &rec,
		Gateway: gateway.Stats{Main: "mg-1:7687", Clients: 3, Held: 1},
		Snapshot: &controller.Snapshot{
			Record: &rec,
			Nodes: []cluster.Sighting{
				{Contact: cluster.Answered, Role: cluster.RoleReplica, Aside: kept},
				{Contact: cluster.Answered, Role: cluster.RoleMain, Listed: true, Replicas: []cluster.Replica{{Name: "mg-0", Node: 0, Ghost: true}}},
			},
			Decision: cluster.Decision{Why: "all is well", Conditions: []cluster.Condition{{Name: "Leaving", Severity: cluster.Notice, Node: 0, Message: "told to stop"}}},
		},
	}, "/api/v1/status")
	var got api.Status
	if err := json.Unmarshal([]byte(body), &got); err != nil {
		t.Fatal(err)
	}
	if got.Record.Main != "mg-1" || got.Record.MasterIndex != 1 || got.Record.Standby != "mg-0" || len(got.Record.Promotable) != 1 ||
		got.Record.Target != "mg-0" || got.Record.Switchover != "mg-0" {
		t.Errorf("record %+v", got.Record)
	}
	if len(got.Nodes) != 2 || got.Nodes[1].Role != "main" || got.Nodes[1].Replicas[0].Status != "ghost" || !got.Nodes[0].InSync {
		t.Errorf("nodes %+v", got.Nodes)
	}
	if want := []api.Copy{{Name: "20261123T120000.000000Z-rebuild", Bytes: 7, Since: since}}; !slices.Equal(got.Nodes[0].MovedAside, want) ||
		got.Nodes[0].MovedAsideMore != 4 || got.Nodes[1].MovedAside != nil || got.Nodes[1].MovedAsideMore != 0 {
		t.Errorf("moved aside: %+v", got.Nodes)
	}
	if strings.Count(body, `"movedAside": [`) != 1 || !strings.Contains(body, `"movedAsideMore": 4`) || !strings.Contains(body, `"since": "2026-11-23T12:00:00Z"`) {
		t.Errorf("moved aside is shown as %s", body)
	}
	if got.Decision != "all is well" || len(got.Conditions) != 1 || got.Conditions[0].Node != "mg-0" {
		t.Errorf("decision %q, conditions %+v", got.Decision, got.Conditions)
	}
	if got.Answer != "switchover: granted" {
		t.Errorf("answer %q; want that of the record, for this leader has given none", got.Answer)
	}
	if got.Gateway.Clients != 3 || got.Gateway.Held != 1 {
		t.Errorf("gateway %+v", got.Gateway)
	}
}

func TestLeadership(t *testing.T) {
	_, body := ask(t, app.Status{Identity: "c-2", Leader: "c-1"}, "/api/v1/leadership")
	var got struct {
		Leader, Identity string
		Leading          bool
	}
	if err := json.Unmarshal([]byte(body), &got); err != nil || got.Leader != "c-1" || got.Identity != "c-2" || got.Leading {
		t.Errorf("leadership %+v, %v", got, err)
	}
}

func TestOpinion(t *testing.T) {
	if code, body := ask(t, app.Status{Identity: "c-1"}, "/api/v1/opinion?node=1"); code != http.StatusOK || !strings.Contains(body, `"refused"`) || !strings.Contains(body, `"epoch": 7`) {
		t.Errorf("opinion of node 1: %d %s", code, body)
	}
	if _, body := ask(t, app.Status{}, "/api/v1/opinion?node=1&epoch=8"); !strings.Contains(body, "told") {
		t.Errorf("opinion of one that is told of epoch 8: %s", body)
	}
	if _, body := ask(t, app.Status{}, "/api/v1/opinion?node=1&epoch=8&look=no"); !strings.Contains(body, `"not probed"`) || strings.Contains(body, "told") || !strings.Contains(body, `"epoch": 7`) {
		t.Errorf("opinion without a look: %s", body)
	}
	if code, body := ask(t, app.Status{}, "/api/v1/opinion?node=1&look=yes"); code != http.StatusBadRequest || !strings.Contains(body, `look="yes"`) {
		t.Errorf("opinion with a look that is not known: %d %s", code, body)
	}
	for _, bad := range []string{"-1", "many", "1e3", "99999999999999999999"} {
		code, body := ask(t, app.Status{}, "/api/v1/opinion?node=1&epoch="+bad)
		if code != http.StatusBadRequest || !strings.Contains(body, "whole number") {
			t.Errorf("opinion with epoch %q: %d %s", bad, code, body)
		}
	}
	for _, bad := range []string{"", "2", "-1", "one", "1e0"} {
		code, body := ask(t, app.Status{}, "/api/v1/opinion?node="+bad)
		if code != http.StatusBadRequest || !strings.Contains(body, "from 0 to 1") {
			t.Errorf("opinion of node %q: %d %s", bad, code, body)
		}
	}
}
