package control

import (
	"context"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"memgraph-controller/internal/standin/faults"
	"memgraph-controller/internal/standin/storage"
)

// fake is a Target that only remembers.
type fake struct {
	mu    sync.Mutex
	state State
	ended []string
}

func (f *fake) State() State {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.state
}

func (f *fake) SetFaults(faults Faults) error {
	if err := faults.Validate(); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.state.Faults = faults
	return nil
}

func (f *fake) SetLink(link Link, peer string, fault faults.Fault) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.state.Faults.Links == nil {
		f.state.Faults.Links = map[Link]map[string]faults.Fault{}
	}
	f.state.Faults.Links[link] = map[string]faults.Fault{peer: fault}
	return nil
}

func (f *fake) PowerLoss(context.Context) { f.end("power loss") }

func (f *fake) Kill() {
	f.end("kill")
	panic(http.ErrAbortHandler) // the connection breaks
}

func (f *fake) end(how string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ended = append(f.ended, how)
}

func TestClientAndHandlerAgree(t *testing.T) {
	target := &fake{state: State{
		Version: "3.12.0", PID: 7, Role: "main", UUID: "u", Nodes: 3,
		Lineage: storage.Lineage{Epoch: "e", LDT: 9, History: []storage.EpochEnd{{Epoch: "d", LDT: 4}}},
	}}
	srv := httptest.NewServer(NewHandler(target))
	defer srv.Close()
	ctx, c := t.Context(), Client{Addr: strings.TrimPrefix(srv.URL, "http://")}
	check := func(what string, err error) {
		t.Helper()
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	want := target.state
	if got, err := c.State(ctx); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("state %+v, %v", got, err)
	}
	check("set", c.Set(ctx, Faults{PromotionDelayMS: 5, LoseFinalize: 2}))
	check("crash", c.CrashAt(ctx, AfterShip))
	if got := target.State().Faults; got.CrashAt != AfterShip || got.LoseFinalize != 2 || got.PromotionDelay() != 5*time.Millisecond {
		t.Errorf("%+v", got)
	}
	check("cut", c.Cut(ctx))
	links := target.State().Faults.Links
	if links[ReplicationIn][""].Mode != faults.Cut || links[ReplicationOut][""].Mode != faults.Cut || len(links[Bolt]) > 0 {
		t.Errorf("%+v", links)
	}
	check("peer", c.SetLink(ctx, ReplicationOut, "h:1", faults.Fault{DelayMS: 3}))
	if got := target.State().Faults.Links[ReplicationOut]["h:1"]; got.DelayMS != 3 {
		t.Errorf("%+v", got)
	}
	check("heal", c.Heal(ctx))
	if got := target.State().Faults; !reflect.DeepEqual(got, Faults{}) {
		t.Errorf("%+v", got)
	}
	if err := c.Set(ctx, Faults{CrashAt: "nowhere"}); err == nil || !strings.Contains(err.Error(), "nowhere") {
		t.Errorf("%v", err)
	}
	check("power loss", c.PowerLoss(ctx))
	check("kill", c.Kill(ctx)) // the answer never comes
	target.mu.Lock()
	defer target.mu.Unlock()
	if !reflect.DeepEqual(target.ended, []string{"power loss", "kill"}) {
		t.Errorf("%v", target.ended)
	}
}

func TestHandlerRefusesNonsense(t *testing.T) {
	handler := NewHandler(&fake{})
	for _, body := range []string{"", "{", `{"crash": "x"}`, `{"crash_at": 7}`} {
		w := httptest.NewRecorder()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPut, "/faults", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		if handler.ServeHTTP(w, r); w.Code != http.StatusBadRequest {
			t.Errorf("%q: %d", body, w.Code)
		}
	}
}

func TestClientReportsAMissingServer(t *testing.T) {
	if _, err := (Client{Addr: "127.0.0.1:1"}).State(t.Context()); err == nil {
		t.Error("no error")
	}
}
