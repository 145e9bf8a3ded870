package sim

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

var (
	seeds    = flag.Uint64("sim.seeds", 0, "play so many seeds and print a summary, instead of the tests")
	from     = flag.Uint64("sim.from", 1, "the first seed")
	worker   = flag.Int("sim.worker", -1, "which of the workers this process is")
	workers  = flag.Int("sim.workers", 0, "how many there are; 0: one a processor")
	quick    = flag.Bool("sim.quick", false, "stop at the first violation, and do not shrink it")
	scenario = flag.String("sim.scenario", "", "play this scenario file, or the seed of this number, and print what happens")
)

func TestMain(m *testing.M) {
	flag.Parse()
	if *seeds > 0 && *worker < 0 {
		os.Exit(lead())
	}
	os.Exit(m.Run())
}

// play runs a plan in a bubble.
func play(t *testing.T, p Plan, tracing bool) Result {
	t.Helper()
	var r Result
	synctest.Test(t, func(t *testing.T) { r = Run(t.Context(), p, tracing) })
	return r
}

// finding is what a worker prints for each seed.
type finding struct {
	Seed     uint64
	Result   Result
	Scenario string // of a violation, shrunk
}

// TestWorker plays its share of the seeds. The collector runs between seeds alone:
// it would change the order in which goroutines run.
func TestWorker(t *testing.T) {
	if *worker < 0 {
		t.Skip("is started by -sim.seeds")
	}
	debug.SetGCPercent(-1)
	debug.SetMemoryLimit(1 << 30)
	out := json.NewEncoder(os.Stdout)
	for seed := *from + uint64(*worker); seed < *from+*seeds; seed += uint64(*workers) {
		fmt.Fprintf(os.Stderr, "seed %d\n", seed)
		p := Draw(seed)
		f := finding{Seed: seed, Result: play(t, p, true)}
		if f.Result.Violation != "" {
			if !*quick {
				p, _ = shrink(p, func(q Plan) string { return play(t, q, false).Violation }, 60)
			}
			f.Scenario = p.String()
		} else {
			f.Result.Trace = nil
		}
		if err := out.Encode(f); err != nil {
			t.Fatal(err)
		}
		if seed%16 < uint64(*workers) {
			runtime.GC()
		}
	}
}

// lead shares the seeds out among processes, prints each violation as a scenario
// file, and the summary.
func lead() int {
	n := *workers
	if n == 0 {
		n = runtime.NumCPU()
	}
	findings := make(chan finding)
	ctx, stop := context.WithCancel(context.Background()) //nolint:forbidigo // the program's own
	defer stop()
	var all sync.WaitGroup
	broken := make(chan string, n)
	for i := range n {
		all.Go(func() {
			if why := work(ctx, i, n, findings); why != "" {
				broken <- why
			}
		})
	}
	go func() { all.Wait(); close(findings) }()
	var sum Result
	played, violations := 0, 0
	for f := range findings {
		played++
		sum.Struck += f.Result.Struck
		sum.Failovers += f.Result.Failovers
		sum.Acked += f.Result.Acked
		sum.Unknown += f.Result.Unknown
		sum.Humans += f.Result.Humans
		sum.Residue += f.Result.Residue
		sum.Needless += f.Result.Needless
		if f.Result.Violation != "" {
			violations++
			fmt.Printf("# seed %d: %s\n%s", f.Seed, f.Result.Violation, f.Scenario)
			for _, line := range f.Result.Trace[max(0, len(f.Result.Trace)-50):] {
				fmt.Println("#  ", line)
			}
			fmt.Println()
			if *quick {
				stop()
			}
		}
	}
	close(broken)
	for why := range broken {
		violations++
		fmt.Println("#", why)
	}
	fmt.Printf("sim seeds=%d faults=%d failovers=%d acked=%d unknown=%d humans=%d residue=%d needless=%d violations=%d\n",
		played, sum.Struck, sum.Failovers, sum.Acked, sum.Unknown, sum.Humans, sum.Residue, sum.Needless, violations)
	if violations > 0 || played == 0 {
		return 1
	}
	return 0
}

// work runs one worker, and says why it ended early, "" if it did not.
func work(ctx context.Context, i, n int, findings chan<- finding) string {
	command := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestWorker$", "-test.timeout=0", fmt.Sprintf("-sim.worker=%d", i), fmt.Sprintf("-sim.workers=%d", n),
		fmt.Sprintf("-sim.seeds=%d", *seeds), fmt.Sprintf("-sim.from=%d", *from), fmt.Sprintf("-sim.quick=%t", *quick))
	command.Env = append(os.Environ(), "GOMAXPROCS=1", "GODEBUG=asyncpreemptoff=1")
	out, err := command.StdoutPipe()
	if err != nil {
		return err.Error()
	}
	progress, err := command.StderrPipe()
	if err != nil {
		return err.Error()
	}
	if err := command.Start(); err != nil {
		return err.Error()
	}
	last := make(chan string, 1)
	go func() {
		var tail []string
		lines := bufio.NewScanner(progress)
		for lines.Scan() {
			if strings.HasPrefix(lines.Text(), "seed ") {
				tail = nil
			}
			if len(tail) < 40 {
				tail = append(tail, lines.Text())
			}
		}
		last <- strings.Join(tail, "\n")
	}()
	lines := bufio.NewReader(out)
	for {
		line, err := lines.ReadBytes('\n')
		var f finding
		if json.Unmarshal(line, &f) == nil && f.Seed != 0 {
			select {
			case findings <- f:
			case <-ctx.Done():
			}
		}
		if err == io.EOF {
			break
		}
	}
	tail := <-last
	if err := command.Wait(); err != nil && ctx.Err() == nil {
		return fmt.Sprintf("worker %d: %v at %s", i, err, tail)
	}
	return ""
}

// TestScenario plays the scenario that -sim.scenario names and prints its trace.
func TestScenario(t *testing.T) {
	if *scenario == "" {
		t.Skip("needs -sim.scenario")
	}
	var p Plan
	if text, err := os.ReadFile(*scenario); err == nil {
		if p, err = Parse(string(text)); err != nil {
			t.Fatal(err)
		}
	} else {
		var seed uint64
		if _, scanned := fmt.Sscan(*scenario, &seed); scanned != nil {
			t.Fatalf("neither a file nor a seed: %v", err)
		}
		p = Draw(seed)
	}
	fmt.Print(p)
	r := play(t, p, true)
	for _, line := range r.Trace {
		fmt.Println(line)
	}
	r.Trace = nil
	fmt.Printf("%+v\n", r)
	if r.Violation != "" {
		t.Error(r.Violation)
	}
}

// TestScenarios plays what once failed.
func TestScenarios(t *testing.T) {
	files, err := filepath.Glob("testdata/scenarios/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			p, err := Parse(string(text))
			if err != nil {
				t.Fatal(err)
			}
			if r := play(t, p, false); r.Violation != "" {
				t.Error(r.Violation)
			}
		})
	}
}

// TestSeeds plays a few seeds with every change; "make sim" plays many.
func TestSeeds(t *testing.T) {
	for seed := range uint64(20) {
		p := Draw(seed + 1)
		if r := play(t, p, false); r.Violation != "" {
			t.Fatalf("seed %d: %s\n%s", p.Seed, r.Violation, p)
		}
	}
}

func TestPlanSurvivesItsText(t *testing.T) {
	for seed := range uint64(500) {
		p := Draw(seed)
		q, err := Parse(p.String())
		if err != nil {
			t.Fatal(err)
		}
		if p.String() != q.String() {
			t.Fatalf("wrote\n%s\nread\n%s", p, q)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	head := Draw(1)
	head.Faults = nil
	for text, want := range map[string]string{
		"":                                       "want a cluster",
		"storm":                                  "want cluster or fault",
		head.String() + "fault kind=flood":       `kind="flood"`,
		head.String() + "fault kind=crash on=x":  `on="x"`,
		head.String() + "fault kind=crash at=12": `at="12"`,
		strings.Replace(head.String(), "nodes=", "nodes=x", 1): `nodes="x`,
		strings.Replace(head.String(), "lease=", "lease=/", 1): "lease=",
	} {
		_, err := Parse(text)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

// A shrunk plan keeps what is needed and nothing else.
func TestShrink(t *testing.T) {
	p := Draw(3)
	p.Faults = nil
	for i := range 6 {
		p.Faults = append(p.Faults, Fault{At: time.Duration(i) * 1500 * time.Millisecond, Kind: "crash", Who: nodeName(i), For: 8 * time.Second})
	}
	q, violation := shrink(p, func(q Plan) string {
		a, b := false, false
		for _, f := range q.Faults {
			a, b = a || f.Who == "node1", b || f.Who == "node4"
		}
		if a && b {
			return "both"
		}
		return ""
	}, 200)
	if len(q.Faults) != 2 || violation != "both" {
		t.Errorf("%s: %s", violation, q)
	}
}
