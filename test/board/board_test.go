//go:build board

package board

import (
	"context"
	"encoding/json"
	"flag"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"memgraph-controller/internal/sandbox"
	"memgraph-controller/internal/sandbox/bench"
)

var pictures = flag.String("pictures", filepath.Join("..", "..", "bin", "board"), "directory that the picture of the board is written to")

// How long what is seen lasts: before MAIN is killed, before it hands over, and after.
const (
	before  = 30 * time.Second
	between = 20 * time.Second
	after   = 15 * time.Second
)

// Where the panels' queries are asked: as Grafana would, of a Prometheus that scrapes
// every second.
const (
	namespace = "demo"
	job       = "mg-controller"
	step      = time.Second
	rate      = "5s"
)

// mayBeEmpty are panels that show something in trouble only, or that need an API server.
var mayBeEmpty = []string{
	"What the leader has to say", "Requests to the API server", "API server: slowest answers", "Errors of the controllers",
}

// board is as much of Grafana's dashboard as is drawn.
type board struct {
	Title  string
	Panels []*panel
}

type panel struct {
	Type, Title string
	GridPos     struct{ X, Y, W, H int }
	FieldConfig struct {
		Defaults struct {
			Unit, NoValue string
			Min, Max      *float64
			Thresholds    struct{ Steps []threshold }
			Mappings      []struct {
				Options map[string]struct{ Text, Color string }
			}
			Custom struct {
				DrawStyle string
				Stacking  struct{ Mode string }
			}
		}
	}
	Options         struct{ TextMode string }
	Transformations []struct {
		ID      string
		Options struct {
			ExcludeByName map[string]bool
			IndexByName   map[string]int
			RenameByName  map[string]string
		}
	}
	Targets []struct{ RefID, Expr, LegendFormat string }

	found [][]series // by target
}

type threshold struct {
	Color string
	Value *float64
}

// ask asks all queries of p as of a time and the range before it.
func (p *panel) ask(t *testing.T, m *prometheus, from, to time.Time) {
	t.Helper()
	for _, target := range p.Targets {
		query := strings.NewReplacer("$namespace", namespace, "$job", job, "$__rate_interval", rate).Replace(target.Expr)
		if strings.Contains(query, "$") {
			t.Errorf("panel %q: a variable is left in %s", p.Title, query)
		}
		list, err := m.ask(t.Context(), query, p.Type == "timeseries", from, to)
		if err != nil {
			t.Errorf("panel %q: %v", p.Title, err)
		}
		p.found = append(p.found, list)
	}
	if !slices.ContainsFunc(p.found, func(l []series) bool { return len(l) > 0 }) && !slices.Contains(mayBeEmpty, p.Title) {
		t.Errorf("panel %q shows nothing after a failover and a switchover under writes", p.Title)
	}
}

// opened is a sandbox that runs until the test ends.
func opened(t *testing.T) *sandbox.Sandbox {
	t.Helper()
	standin := filepath.Join(t.TempDir(), "memgraph-standin")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", standin, "memgraph-controller/cmd/memgraph-standin").CombinedOutput(); err != nil {
		t.Fatalf("build the stand-in: %v: %s", err, out)
	}
	s, err := sandbox.Open(t.Context(), sandbox.Options{
		Server: sandbox.Server{Standin: standin}, FirstPort: 27400, RestartAfter: 2 * time.Second, Version: "test", Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the sandbox ended with: %v", err)
		}
	})
	for until := time.Now().Add(time.Minute); s.Lacks() != ""; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(until) {
			t.Fatalf("the sandbox is not whole after a minute: %s", s.Lacks())
		}
	}
	return s
}

// load writes through every gateway, and keeps a reader at each, until ctx ends.
func load(ctx context.Context, s *sandbox.Sandbox, wg *sync.WaitGroup) {
	for i, d := range s.Doors() {
		wg.Go(func() {
			w, err := bench.Dial(d.Addr)
			if err != nil {
				return
			}
			defer func() { _ = w.Close(context.WithoutCancel(ctx)) }()
			for id := int64(i) << 32; ctx.Err() == nil; id++ {
				_ = w.Write(ctx, id) // what fails is the board's matter
				pause(ctx, 20*time.Millisecond)
			}
		})
	}
	for _, addr := range s.ReadDoors() {
		wg.Go(func() {
			for ctx.Err() == nil {
				_, _ = bench.Read(ctx, addr)
				pause(ctx, 2*time.Second)
			}
		})
	}
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// TestBoard breaks a sandbox, and looks at it as somebody with the board would.
func TestBoard(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "charts", "memgraph-ha", "dashboards", "memgraph-ha.json"))
	if err != nil {
		t.Fatal(err)
	}
	var b board
	if err := json.Unmarshal(text, &b); err != nil {
		t.Fatal(err)
	}
	s := opened(t)
	var pages []string
	for i := range s.Doors() {
		pages = append(pages, strings.TrimPrefix(s.Page(i), "http://"))
	}
	m := scraping(t, pages)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var wg sync.WaitGroup
	load(ctx, s, &wg)
	from := time.Now()
	pause(t.Context(), before)
	main, ok := s.Main()
	if !ok {
		t.Fatal("there is no MAIN to kill")
	}
	if err := s.Kill(main); err != nil {
		t.Fatal(err)
	}
	pause(t.Context(), between)
	if answer, err := s.Do(t.Context(), "switchover"); err != nil {
		t.Errorf("switchover: %v %s", err, answer)
	}
	pause(t.Context(), after)
	to := time.Now()
	for _, p := range b.Panels {
		p.ask(t, m, from, to)
	}
	stop()
	wg.Wait()
	picture(t, b, from, to)
}

// picture draws the board, and has Chromium take a picture of it.
func picture(t *testing.T, b board, from, to time.Time) {
	t.Helper()
	dir, err := filepath.Abs(*pictures)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	page, size := b.draw(from, to)
	file := filepath.Join(dir, "board.html")
	if err := os.WriteFile(file, []byte(page), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), program("CHROMIUM", "chromium"), "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars",
		"--user-data-dir="+t.TempDir(), "--window-size="+size, "--screenshot="+filepath.Join(dir, "board.png"), "file://"+file).CombinedOutput()
	if err != nil {
		t.Errorf("take a picture: %v: %s", err, out)
	}
	t.Logf("look at %s", filepath.Join(dir, "board.png"))
}

// program returns the program that the environment names, or else the usual one.
func program(variable, usual string) string {
	if p := os.Getenv(variable); p != "" {
		return p
	}
	return usual
}
