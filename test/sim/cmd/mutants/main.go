// Command mutants breaks the controller's rules on purpose, one at a time, and has the
// simulation find each breakage. The sources are not touched: the compiler is given
// the broken file in place of the real one. The last line is "mutants=N caught=N"; it
// exits with 1 if one was not caught.
package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"memgraph-controller/test/sim/mutant"
)

func main() {
	seeds := flag.Int("seeds", 5000, "play at most so many seeds against each")
	only := flag.String("only", "", "only mutants whose name contains this")
	flag.Parse()
	if err := run(*seeds, *only); err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(1)
	}
}

func run(seeds int, only string) error {
	dir, err := os.MkdirTemp("", "mutants")
	if err != nil {
		return fmt.Errorf("make a directory for mutants: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	tried, caught := 0, 0
	for _, m := range mutant.All() {
		if !strings.Contains(m.Name, only) {
			continue
		}
		tried++
		began := time.Now()
		how, err := try(dir, m, seeds)
		verdict := how
		switch {
		case err != nil:
			verdict = "NOT TRIED: " + err.Error()
		case how == "":
			verdict = "NOT CAUGHT"
		default:
			caught++
		}
		fmt.Printf("%-28s %5.1f s  %s\n", m.Name, time.Since(began).Seconds(), verdict)
	}
	fmt.Printf("mutants=%d caught=%d\n", tried, caught)
	if tried == 0 || caught < tried {
		return fmt.Errorf("%d of %d mutants were not caught", tried-caught, tried)
	}
	return nil
}

// try builds the simulation with one rule broken, plays, and returns what it found,
// "" if nothing.
func try(dir string, m mutant.Mutant, seeds int) (string, error) {
	source, err := os.ReadFile(m.File)
	if err != nil {
		return "", fmt.Errorf("read what to break; run in the root of the repository: %w", err)
	}
	broken, err := m.Apply(string(source))
	if err != nil {
		return "", err
	}
	real, err := filepath.Abs(m.File)
	if err != nil {
		return "", fmt.Errorf("find %s: %w", m.File, err)
	}
	fake, overlay, program := filepath.Join(dir, "broken.go"), filepath.Join(dir, "overlay.json"), filepath.Join(dir, "sim")
	replace, err := json.Marshal(map[string]any{"Replace": map[string]string{real: fake}})
	if err != nil {
		return "", fmt.Errorf("write the overlay: %w", err)
	}
	for path, text := range map[string][]byte{fake: []byte(broken), overlay: replace} {
		if err := os.WriteFile(path, text, 0o600); err != nil {
			return "", fmt.Errorf("write the mutant: %w", err)
		}
	}
	build := exec.Command("go", "test", "-c", "-vet=off", "-overlay", overlay, "-o", program, "./test/sim")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("it does not compile: %w\n%s", err, out)
	}
	if scenario := known(program); scenario != "" {
		return scenario, nil
	}
	out, err := exec.Command(program, fmt.Sprintf("-sim.seeds=%d", seeds), "-sim.quick").Output()
	if err == nil {
		return "", nil
	}
	for line := range bytes.Lines(out) {
		if rest, found := strings.CutPrefix(string(line), "# "); found {
			return strings.TrimSpace(rest), nil
		}
	}
	return "", fmt.Errorf("the simulation failed without a finding: %w\n%s", err, out)
}

// known plays the scenarios that are kept, and returns one that finds the mutant, ""
// if none does. Some find theirs in one order of goroutines and not in another, so each
// is played several times.
func known(program string) string {
	play := exec.Command(program, "-test.run=^TestScenarios$", "-test.count=25", "-test.failfast")
	play.Dir = filepath.Join("test", "sim")
	out, _ := play.CombinedOutput() // what it found says more than its exit code
	for line := range bytes.Lines(out) {
		if name, found := strings.CutPrefix(strings.TrimSpace(string(line)), "--- FAIL: TestScenarios/"); found {
			return "scenario " + name
		}
	}
	return ""
}
