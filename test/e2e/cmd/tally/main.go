// Command tally reads the output of "go test -json" and prints a line a test, with
// what the test had to say, and "N passed, N failed, N skipped" at the end. It
// exits with 1 if a test failed or none ran. With -failed FILE it writes there a
// pattern for "go test -run" that picks the tests that failed.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
)

func main() {
	failed := flag.String("failed", "", "write a pattern of the failed tests to this file")
	flag.Parse()
	t, err := count(os.Stdin, os.Stdout)
	if err == nil && *failed != "" {
		err = os.WriteFile(*failed, []byte(pattern(t.names)), 0o600)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "tally:", err)
		os.Exit(1)
	}
	fmt.Printf("%d passed, %d failed, %d skipped\n", t.passed, t.failed, t.skipped)
	if t.failed > 0 || t.broken || t.passed == 0 {
		os.Exit(1)
	}
}

// event is a line of "go test -json" (go doc test2json).
type event struct {
	Action, Test, Output string
	Elapsed              float64
}

type tally struct {
	passed, failed, skipped int
	broken                  bool     // the program failed, by itself or with a test
	names                   []string // of the tests that failed, without their subtests
}

// pattern picks tests by name; none picks nothing.
func pattern(names []string) string { return "^(" + strings.Join(names, "|") + ")$" }

func count(in io.Reader, out io.Writer) (tally, error) {
	var t tally
	said := map[string][]string{}
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 4<<20)
	for lines.Scan() {
		var e event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			fmt.Fprintln(out, lines.Text()) // the compiler's, or a crash's
			continue
		}
		switch e.Action {
		case "output", "build-output":
			said[e.Test] = append(said[e.Test], e.Output)
		case "pass", "fail", "skip":
			t.end(e, said[e.Test], out)
			delete(said, e.Test)
		}
	}
	return t, lines.Err()
}

// end prints what became of a test, or of the program if the test has no name.
func (t *tally) end(e event, said []string, out io.Writer) {
	if e.Test == "" {
		t.broken = t.broken || e.Action == "fail"
	} else {
		word := map[string]string{"pass": "ok", "fail": "FAIL", "skip": "skip"}[e.Action]
		fmt.Fprintf(out, "%-5s %-55s %6.1f s\n", word, e.Test, e.Elapsed)
		switch e.Action {
		case "pass":
			t.passed++
		case "fail":
			t.failed++
		default:
			t.skipped++
		}
		if top, _, sub := strings.Cut(e.Test, "/"); e.Action == "fail" && !sub {
			t.names = append(t.names, top)
		}
	}
	for _, line := range said {
		if frame := strings.TrimSpace(line); !strings.HasPrefix(frame, "=== ") && !strings.HasPrefix(frame, "--- ") && frame != "PASS" && frame != "FAIL" && frame != "" && (e.Test != "" || e.Action == "fail") {
			fmt.Fprint(out, "      ", strings.TrimLeft(line, " "))
		}
	}
}
