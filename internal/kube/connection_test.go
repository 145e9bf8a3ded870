package kube

import (
	"context"
	"encoding/pem"
	"io"
	"log/slog"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"k8s.io/client-go/rest"

	"memgraph-controller/internal/cluster"
)

// TestDeadConnectionIsNoticed: nothing comes through and nobody says so, as when a
// machine loses its power or a firewall begins to drop. This is about real
// connections, so about real time; cmd sets 5 s and 3 s.
func TestDeadConnectionIsNoticed(t *testing.T) {
	t.Setenv("HTTP2_READ_IDLE_TIMEOUT_SECONDS", "1")
	t.Setenv("HTTP2_PING_TIMEOUT_SECONDS", "1")
	api := newAPIServer(t)
	api.put("configmaps", configMap(reign(1, 0).Encode()))
	server := httptest.NewUnstartedServer(api)
	server.EnableHTTP2 = true
	server.StartTLS()
	defer server.Close()
	p := newProxy(t, server.Listener.Addr().String())
	config := &rest.Config{Host: "https://" + p.Addr().String()}
	config.CAData = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	config.ServerName = "example.com"
	config.ContentType, config.AcceptContentTypes = "application/json", "application/json"
	log := &diary{}
	c, err := connect(config, Options{Namespace: "ns", Record: "state", Log: slog.New(slog.NewTextHandler(log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{apiServer: api, t: t, Cluster: c}
	ctx, cancel := context.WithCancel(t.Context())
	w.ctx = ctx
	defer w.wg.Wait()
	defer cancel()
	seen := w.watchRecord()
	<-seen
	if n := p.taken.Load(); n != 1 {
		t.Fatalf("the controller opened %d connections; want its clients to share one", n)
	}
	p.drop()
	api.put("configmaps", configMap(reign(2, 1).Encode()))
	select {
	case s := <-seen:
		if s.epoch != cluster.Epoch(2) {
			t.Fatalf("the watch tells %+v; want epoch 2", s)
		}
	case <-time.After(2*time.Second + soonAfter + 2*time.Second):
		t.Fatalf("6s after its connection has died the watch has not begun again\n%s", log)
	}
}

// proxy passes connections on until they are dropped.
type proxy struct {
	net.Listener
	taken atomic.Int32

	mu   sync.Mutex
	dead *atomic.Bool // of the present connections
}

func newProxy(t *testing.T, to string) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{Listener: l, dead: &atomic.Bool{}}
	var wg sync.WaitGroup
	var conns []net.Conn
	wg.Go(func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			p.taken.Add(1)
			out, err := net.Dial("tcp", to)
			if err != nil {
				t.Error(err)
				return
			}
			p.mu.Lock()
			conns = append(conns, in, out)
			dead := p.dead
			p.mu.Unlock()
			wg.Go(func() { carry(in, out, dead) })
			wg.Go(func() { carry(out, in, dead) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		p.mu.Lock()
		for _, c := range conns {
			_ = c.Close()
		}
		p.mu.Unlock()
		wg.Wait()
	})
	return p
}

// carry copies until dead, from when on it swallows.
func carry(to io.Writer, from io.Reader, dead *atomic.Bool) {
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		if err != nil {
			return
		}
		if !dead.Load() {
			_, _ = to.Write(buf[:n])
		}
	}
}

// drop swallows everything on the present connections; new ones work.
func (p *proxy) drop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.dead.Store(true)
	p.dead = &atomic.Bool{}
}

func TestConnectSaysWhatIsWrong(t *testing.T) {
	t.Setenv("KUBERNETES_SERVICE_HOST", "")
	if _, err := Connect("", Options{}); err == nil || !strings.Contains(err.Error(), "--kubeconfig") {
		t.Errorf("Connect outside of a pod: %v; want an error that says --kubeconfig", err)
	}
	file := filepath.Join(t.TempDir(), "kubeconfig")
	if err := os.WriteFile(file, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Connect(file, Options{}); err == nil || !strings.Contains(err.Error(), "kubeconfig") {
		t.Errorf("Connect with a broken kubeconfig: %v; want an error that says so", err)
	}
	good := `{apiVersion: v1, kind: Config, current-context: c, clusters: [{name: k, cluster: {server: "https://127.0.0.1:1"}}], contexts: [{name: c, context: {cluster: k, user: u}}], users: [{name: u, user: {token: x}}]}`
	if err := os.WriteFile(file, []byte(good), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Connect(file, Options{Version: "1"}); err != nil {
		t.Errorf("Connect with a good kubeconfig: %v; want nil, since it sends nothing", err)
	}
}
