//go:build browser

package browser

import (
	"context"
	_ "embed"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"memgraph-controller/internal/sandbox"
	"memgraph-controller/internal/sandbox/bench"
)

var screenshots = flag.String("screenshots", filepath.Join("..", "..", "bin", "dashboard"), "directory that pictures of the page are written to")

//go:embed access.js
var access string

// How long the page may take after MAIN was killed, on a machine that is busy: until
// it shows the new one, which is decided and told; and until that serves, which also
// takes what the nodes take.
const (
	shownWithin  = 3 * time.Second
	servesWithin = 10 * time.Second
)

// opened is a sandbox that runs until the test ends.
func opened(t *testing.T) *sandbox.Sandbox {
	t.Helper()
	standin := filepath.Join(t.TempDir(), "memgraph-standin")
	if out, err := exec.Command("go", "build", "-o", standin, "memgraph-controller/cmd/memgraph-standin").CombinedOutput(); err != nil {
		t.Fatalf("build the stand-in: %v: %s", err, out)
	}
	s, err := sandbox.Open(t.Context(), sandbox.Options{
		Server: sandbox.Server{Standin: standin}, FirstPort: 27300, RestartAfter: 2 * time.Second, ReplaceAfter: -1, Version: "test",
		Log: slog.New(slog.DiscardHandler),
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
	whole(t, s)
	return s
}

// whole waits until the sandbox has all it should.
func whole(t *testing.T, s *sandbox.Sandbox) {
	t.Helper()
	for until := time.Now().Add(30 * time.Second); s.Lacks() != ""; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(until) {
			t.Fatalf("the sandbox is not whole after 30s: %s", s.Lacks())
		}
	}
}

// tab is one page of a browser.
type tab struct {
	t   *testing.T
	ctx context.Context

	mu       sync.Mutex
	requests []string
	faults   []string
}

// browser starts Chromium with one page.
func browser(t *testing.T) *tab {
	t.Helper()
	path := os.Getenv("CHROMIUM")
	if path == "" {
		path = "chromium"
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.NoSandbox, // it opens nothing but our own page, and root has no sandbox
		chromedp.Flag("disable-dev-shm-usage", true), chromedp.WindowSize(1280, 900))
	allocated, end := chromedp.NewExecAllocator(t.Context(), options...)
	b := &tab{t: t}
	ctx, cancel := chromedp.NewContext(allocated, chromedp.WithListener(b.hear))
	b.ctx = ctx
	t.Cleanup(func() {
		_ = chromedp.Cancel(ctx) // waits until it is gone
		cancel()
		end()
	})
	if _, err := chromedp.Call(ctx, network.Enable, network.EnableParams{}); err != nil {
		t.Fatalf("open the browser: %v", err)
	}
	return b
}

// hear notes what is asked for, and what goes wrong in the page.
func (b *tab) hear(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		b.requests = append(b.requests, e.Request.URL)
	case *runtime.EventExceptionThrown:
		b.faults = append(b.faults, e.ExceptionDetails.Text)
	case *log.EventEntryAdded:
		if e.Entry.Source == "security" || e.Entry.Source == "javascript" {
			b.faults = append(b.faults, e.Entry.Text)
		}
	}
}

// patience is how long a browser may take for one thing on a machine that is busy.
const patience = time.Minute

func (b *tab) do(what string, actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, actions...); err != nil {
		b.t.Fatalf("%s: %v", what, err)
	}
}

// asked returns what an action gives.
func asked[T any](b *tab, what string, action chromedp.Action[T]) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	value, err := chromedp.Run(ctx, action)
	if err != nil {
		b.t.Fatalf("%s: %v", what, err)
	}
	return value
}

// text returns what an expression is in the page.
func (b *tab) text(expression string) string {
	b.t.Helper()
	return asked(b, "look at "+expression, chromedp.Evaluate[string]("String("+expression+")"))
}

// until waits until an expression is true in the page and returns how long that took.
func (b *tab) until(limit time.Duration, what, expression string) time.Duration {
	b.t.Helper()
	began := time.Now()
	for b.text(expression) != "true" {
		if time.Since(began) > limit {
			b.t.Fatalf("not so after %s: %s; the page says\n%s", limit, what, b.text("document.body.innerText"))
		}
		time.Sleep(20 * time.Millisecond)
	}
	return time.Since(began)
}

const main = `(document.querySelector("#picture .is-main .badge")?.textContent.startsWith("MAIN") ? document.querySelector("#picture .is-main .name").textContent : "")`

func (b *tab) open(url string) {
	b.t.Helper()
	b.do("open "+url, chromedp.Navigate(url))
	b.until(20*time.Second, "lag is drawn", `document.querySelectorAll("#sparks svg").length > 0`)
	b.until(20*time.Second, "the page is live and shows a MAIN", `document.getElementById("link").className === "live" && document.querySelectorAll("#deaths dd").length === 3 && document.querySelectorAll("#history li").length > 0`)
}

// look judges the page in both themes, wide and on a phone, and takes pictures.
func (b *tab) look(name string) {
	b.t.Helper()
	for _, size := range []struct {
		name          string
		width, height int64
	}{{"wide", 1280, 900}, {"phone", 390, 844}} {
		for _, theme := range []string{"light", "dark"} {
			b.do("look at the page", chromedp.EmulateViewport(size.width, size.height))
			media := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: theme}}}
			if _, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, media); err != nil {
				b.t.Fatalf("choose the %s theme: %v", theme, err)
			}
			b.until(10*time.Second, "the picture fits its place", fmt.Sprintf(`document.querySelector("#picture svg").viewBox.baseVal.width %s 400`, map[bool]string{true: "<", false: ">"}[size.width < 500]))
			picture := asked(b, "take a picture", chromedp.FullScreenshot(100))
			for _, w := range asked(b, "judge the page", chromedp.Evaluate[[]string](access)) {
				b.t.Errorf("%s, %s, %s: %s", name, size.name, theme, w)
			}
			file := filepath.Join(*screenshots, fmt.Sprintf("%s-%s-%s.png", name, size.name, theme))
			if err := os.WriteFile(file, picture, 0o644); err != nil {
				b.t.Fatal(err)
			}
		}
	}
	b.do("look at it as before", chromedp.EmulateViewport(1280, 900))
}

// leader returns the number of the controller that leads.
func leader(t *testing.T, s *sandbox.Sandbox) int {
	t.Helper()
	for i, c := range s.Snapshot().Controllers {
		if c.Leads {
			return i
		}
	}
	t.Fatal("no controller leads")
	return 0
}

// writes has a client write through the door of a controller until the test ends,
// whatever becomes of it.
func writes(t *testing.T, s *sandbox.Sandbox, controller int) {
	t.Helper()
	for _, door := range s.Doors() {
		if door.Replica != controller {
			continue
		}
		w, err := bench.Dial(door.Addr)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var client sync.WaitGroup
		client.Go(func() {
			tick := time.NewTicker(50 * time.Millisecond)
			defer tick.Stop()
			for id := int64(0); ctx.Err() == nil; id++ {
				_ = w.Write(ctx, id) // what is refused meanwhile is not what is tested
				<-tick.C
			}
		})
		t.Cleanup(func() {
			cancel()
			client.Wait()
			_ = w.Close(context.WithoutCancel(ctx))
		})
		return
	}
	t.Fatalf("controller %d has no door", controller)
}

func TestDashboardShowsAFailover(t *testing.T) {
	if err := os.MkdirAll(*screenshots, 0o755); err != nil {
		t.Fatal(err)
	}
	s, b := opened(t), browser(t)
	led := leader(t, s)
	url := s.Page(led)
	writes(t, s, led)
	b.open(url)
	b.until(20*time.Second, "how long answers take is drawn", `[...document.querySelectorAll("#sparks svg")].some((e) => /^answers, mean: [0-9.]+ m?s now/.test(e.getAttribute("aria-label")))`)
	old := b.mainShown()
	if old == "" || !strings.Contains(b.text(`document.getElementById("risk-text").textContent`), "Nothing: "+old+" is MAIN") {
		t.Fatalf("MAIN %q; the page says\n%s", old, b.text("document.body.innerText"))
	}
	b.look("well")

	if _, err := s.Do(t.Context(), "kill main"); err != nil {
		t.Fatal(err)
	}
	b.anotherMain(old, fmt.Sprintf(`!document.getElementById("risk-text").textContent.startsWith("Nothing: %s")`, old))
	next := b.mainShown()
	b.look("after-failover")

	b.until(10*time.Second, "the history has the failover", fmt.Sprintf(`document.querySelector("#history li strong").textContent === %q`, next))
	b.do("open the steps", chromedp.Click(chromedp.CSS("#history details summary")))
	b.until(5*time.Second, "the steps are shown", `document.querySelector("#history details").open && /promote node/.test(document.querySelector("#history .steps").innerText) && /recorded: serving/.test(document.querySelector("#history .steps").innerText)`)
	t.Logf("the page says: %s", b.text(`document.querySelector("#history li div:nth-child(2)").textContent`))
	whole(t, s)
	b.until(10*time.Second, "all is well again, by the page", fmt.Sprintf(`document.getElementById("risk-text").textContent.startsWith("Nothing: %s is MAIN")`, next))
	b.until(5*time.Second, "the steps stay open", `document.querySelector("#history details").open`)
	b.until(10*time.Second, "both replicas may take over", `document.querySelectorAll("#asks button").length === 2`)
	b.do("copy a command", chromedp.Click(chromedp.CSS("#asks button")))
	b.until(5*time.Second, "the page says what became of it", `document.getElementById("copied").textContent !== ""`)

	b.until(10*time.Second, "what is shown of the nodes is of now", `!document.getElementById("caption").textContent.includes("before this change")`)
	b.look("healed")

	b.stale(s, led)
	b.clean(url)
}

// mainShown returns the MAIN that the page shows, once it shows one that answers.
func (b *tab) mainShown() string {
	b.t.Helper()
	name := ""
	for began := time.Now(); name == ""; name = b.text(main) {
		if time.Since(began) > servesWithin {
			b.t.Fatalf("no MAIN is shown after %s; the page says\n%s", servesWithin, b.text("document.body.innerText"))
		}
	}
	return name
}

// anotherMain waits until the page shows another MAIN than old, and that clients are
// let through to it. When it first shows it, something else must be so as well.
func (b *tab) anotherMain(old, as string) {
	b.t.Helper()
	began := time.Now()
	shown := b.until(shownWithin, "another MAIN is shown", fmt.Sprintf("%s !== '' && %s !== %q", main, main, old))
	if b.text(as) != "true" {
		b.t.Errorf("the page shows another MAIN, and not that %s; it says\n%s", as, b.text("document.body.innerText"))
	}
	b.until(servesWithin, "the new MAIN serves by the page", `!document.querySelector("#picture .is-main .badge").textContent.includes("promoting") && document.getElementById("caption").textContent.includes("is open")`)
	b.t.Logf("after the old MAIN was killed the page showed the new one after %s, and that it serves after %s", shown.Round(time.Millisecond), time.Since(began).Round(time.Millisecond))
}

// stale ends the replica that the page is of, and starts another in its place.
func (b *tab) stale(s *sandbox.Sandbox, led int) {
	b.t.Helper()
	crashed, err := s.CrashLeader()
	if err != nil || crashed != led {
		b.t.Fatalf("controller %d crashed, %v; want %d", crashed, err, led)
	}
	b.until(5*time.Second, "the page says that it is stale", `document.getElementById("link").className === "stale" && document.getElementById("link").textContent.startsWith("Stale since")`)
	b.look("stale")
	if err := s.Replace(led); err != nil {
		b.t.Fatal(err)
	}
	b.until(20*time.Second, "the page is live again", `document.getElementById("link").className === "live"`)
}

// clean checks that nothing went wrong in the page, and nothing came from elsewhere.
func (b *tab) clean(url string) {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, f := range b.faults {
		b.t.Errorf("in the page: %s", f)
	}
	for _, r := range b.requests {
		if !strings.HasPrefix(r, url+"/") {
			b.t.Errorf("the page asked for %s", r)
		}
	}
	if len(b.requests) < 8 {
		b.t.Errorf("only %d requests were seen", len(b.requests))
	}
}

// A replica that does not lead shows the record, says who knows more, and shows a
// failover too.
func TestDashboardOfAFollower(t *testing.T) {
	s, b := opened(t), browser(t)
	b.open(s.Page((leader(t, s) + 1) % sandbox.Size))
	old := b.mainShown()
	if !strings.Contains(b.text("document.body.innerText"), "leads and decides; this replica follows") || !strings.Contains(b.text(`document.getElementById("nodes").innerText`), "not asked by this replica") {
		t.Errorf("a follower's page says\n%s", b.text("document.body.innerText"))
	}
	b.look("follower")
	if _, err := s.Do(t.Context(), "kill main"); err != nil {
		t.Fatal(err)
	}
	b.anotherMain(old, "true")
}
