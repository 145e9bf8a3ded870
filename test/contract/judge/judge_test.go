//go:build linux

package judge

import (
	"context"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"memgraph-controller/test/contract/client"
	"memgraph-controller/test/contract/server"
)

func TestParseVersion(t *testing.T) {
	for text, want := range map[string]Version{
		"3.6.2":       {3, 6, 2, "3.6.2"},
		"2.19":        {2, 19, 0, "2.19"},
		"3.12.0-rc+1": {3, 12, 0, "3.12.0-rc+1"},
		"next":        {3, 13, 0, "next"},
	} {
		if got, err := ParseVersion(text); err != nil || got != want {
			t.Errorf("ParseVersion(%q) = %+v, %v; want %+v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "3", "3.x", "3.1.2.3", "-1.2"} {
		if v, err := ParseVersion(text); err == nil {
			t.Errorf("ParseVersion(%q) = %+v; want an error", text, v)
		}
	}
	v := Version{Major: 3, Minor: 9}
	if !v.AtLeast(3, 9) || !v.AtLeast(2, 19) || v.AtLeast(3, 10) || !v.Below(4, 0) {
		t.Errorf("order of releases around %+v is wrong", v)
	}
}

func FuzzParseVersion(f *testing.F) {
	f.Add("3.12.0")
	f.Fuzz(func(t *testing.T, s string) {
		if v, err := ParseVersion(s); err == nil && (v.Major < 0 || v.Minor < 0 || v.Patch < 0) {
			t.Fatalf("%q gave %+v", s, v)
		}
	})
}

// row is one row of SHOW REPLICAS as a server sends it.
func row(name, mode string, info map[string]any) []any {
	return []any{name, "127.0.0.1:1", mode, nil, info}
}

func ready(status string, behind, ts int64) map[string]any {
	return map[string]any{"memgraph": map[string]any{"status": status, "behind": behind, "ts": ts}}
}

func TestParseReplicas(t *testing.T) {
	a := client.Answer{Columns: ReplicaColumns, Rows: [][]any{
		row("b", "strict_sync", ready("ready", 0, 6)), row("c", "async", map[string]any{}),
	}}
	rows, err := ParseReplicas(a)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := Rows(rows), "b strict_sync ready behind=0 ts=6, c async {}"; got != want {
		t.Errorf("rows = %s; want %s", got, want)
	}
	for name, edit := range map[string]func([]any){
		"system_info": func(r []any) { r[3] = map[string]any{} },
		"mode":        func(r []any) { r[2] = int64(1) },
		"ts is text": func(r []any) {
			r[4] = map[string]any{"memgraph": map[string]any{"status": "x", "behind": int64(0), "ts": "6"}}
		},
		"other database": func(r []any) { r[4] = map[string]any{"other": map[string]any{}} },
		"info is text":   func(r []any) { r[4] = "{}" },
	} {
		r := row("b", "sync", ready("ready", 0, 6))
		edit(r)
		if _, err := ParseReplicas(client.Answer{Columns: ReplicaColumns, Rows: [][]any{r}}); err == nil {
			t.Errorf("%s: a malformed row was accepted", name)
		}
	}
	if _, err := ParseReplicas(client.Answer{Columns: []string{"name"}}); err == nil {
		t.Error("wrong columns were accepted")
	}
}

func TestMatch(t *testing.T) {
	rows := []Replica{{Name: "b", Mode: "sync", Status: "invalid", Behind: -2, TS: 6}, {Name: "c", Mode: "async"}}
	for _, p := range [][]string{
		{"b sync invalid behind=-2 ts=6", "c async {}"},
		{"b", "c"},
		{"b * ready|invalid behind<0", "*"},
	} {
		if !Match(rows, p...) {
			t.Errorf("%q does not match %s", p, Rows(rows))
		}
	}
	for _, p := range [][]string{
		{"b sync invalid"},
		{"b sync invalid behind=-2 ts=7", "c"},
		{"b sync ready", "c"},
		{"b * invalid behind>0", "c"},
		{"c", "b"},
		{"b", "c async {} more"},
		{"b", "c async ready"},
	} {
		if Match(rows, p...) {
			t.Errorf("%q matches %s", p, Rows(rows))
		}
	}
}

func TestRefusalJudge(t *testing.T) {
	a := client.Answer{At: client.AtPull, Code: ClientError, Message: "Couldn't register replica b. Error: 3"}
	for _, r := range []Refusal{
		OnPull("Couldn't register replica b. Error: 3"), {Part: "Error: 3"}, {Prefix: "Couldn't"}, {},
	} {
		if w := r.Judge(a); w != "" {
			t.Errorf("%s was not taken for %s", a.Outcome(), w)
		}
	}
	for _, r := range []Refusal{
		OnRun("Couldn't register replica b. Error: 3"), OnPull("Couldn't register replica b."),
		{Code: TransientError},
		{Part: "Error: 5"},
		{Prefix: "register"},
	} {
		if r.Judge(a) == "" {
			t.Errorf("%s was taken for %s", a.Outcome(), r)
		}
	}
	if (Refusal{}).Judge(client.Answer{}) == "" {
		t.Error("a success was taken for a refusal")
	}
}

func TestCompareIDs(t *testing.T) {
	ids := []string{"note 13e", "10b", "note 2", "2", "10", "note 13", "3b", "3"}
	slices.SortFunc(ids, CompareIDs)
	if want := []string{"2", "3", "3b", "10", "10b", "note 2", "note 13", "note 13e"}; !slices.Equal(ids, want) {
		t.Errorf("order = %q; want %q", ids, want)
	}
}

func TestTable(t *testing.T) {
	rs := []Result{
		{Version: "3.6.2", ID: "2", Title: "later", Verdict: Passed, Took: 1200 * time.Millisecond},
		{Version: "3.12.0", ID: "17", Title: "crash", Verdict: Skipped, Reason: NeedsControl},
		{
			Version: "3.12.0", ID: "5", Title: "register", Verdict: Failed, Steps: []string{"a> X"},
			Failures: []Failure{{What: "a> X", Want: "OK", Got: "ERROR"}},
		},
	}
	Sort(rs, []string{"3.12.0", "3.6.2"})
	table := Table(rs, false)
	want := `
Memgraph 3.12.0
  5         failed     0.0s  register
  17        skipped    0.0s  crash — skipped: needs the stand-in's control port

Memgraph 3.6.2
  2         passed     1.2s  later

failed: 5 on 3.12.0: register
  a> X
    expected  OK
    got       ERROR
  what was done:
    a> X
`
	if table != want {
		t.Errorf("table:\n%s\nwant:\n%s", table, want)
	}
	line, failed := Summary(rs)
	if line != "contract passed=1 failed=1 skipped=1" || failed != 1 {
		t.Errorf("summary = %q, %d failed", line, failed)
	}
}

func TestCheckFindsRepeatedNumbers(t *testing.T) {
	run := func(*T) {}
	good := []Case{{ID: "1", Title: "x", Run: run}, {ID: "1b", Title: "y", Run: run}}
	if err := Check(good); err != nil {
		t.Error(err)
	}
	if Check(append(good, Case{ID: "1B", Title: "z", Run: run})) == nil || Check([]Case{{ID: "1", Title: "x"}}) == nil {
		t.Error("a repeated number or an empty case was accepted")
	}
}

func TestSelect(t *testing.T) {
	all := []Case{
		{ID: "1", Title: "short", Brief: true},
		{ID: "5", Title: "old only", Applies: func(v Version) bool { return v.Below(3, 10) }, Notes: []int{9}},
	}
	pick := func(full bool, v Version, re string) string {
		var ids []string
		for _, c := range Select(all, &Subject{Full: full, Version: v}, regexp.MustCompile(re)) {
			ids = append(ids, c.ID)
		}
		return strings.Join(ids, " ")
	}
	v36, v312 := Version{Major: 3, Minor: 6}, Version{Major: 3, Minor: 12}
	for got, want := range map[string]string{
		pick(true, v36, ""): "1 5", pick(true, v312, ""): "1", pick(false, v36, ""): "1", pick(true, v36, "note 9"): "5",
	} {
		if got != want {
			t.Errorf("selected %q; want %q", got, want)
		}
	}
}

func TestRunReachesAVerdictOnEveryCase(t *testing.T) {
	s := &Subject{Label: "3.12.0", Host: &server.Host{}}
	cs := []Case{
		{ID: "1", Title: "passes", Run: func(t *T) { t.Note("did it") }},
		{ID: "2", Title: "fails softly and goes on", Run: func(t *T) { t.Errorf("x", "1", "2"); t.Note("went on") }},
		{ID: "3", Title: "ends", Run: func(t *T) { t.Fatalf("no %s", "way"); t.Note("unreachable") }},
		{ID: "4", Title: "skips", Run: func(t *T) { t.Skip("why not") }},
		{ID: "5", Title: "needs control", Control: true, Run: func(t *T) { t.Note("must not run") }},
		{ID: "6", Title: "cleans up", Run: func(t *T) {
			t.Cleanup(func() { t.Note("cleaned") })
			t.Fatalf("early")
		}},
	}
	var reported int
	rs := Run(t.Context(), map[*Subject][]Case{s: cs}, 2, func(done, total int, _ Result) {
		reported++
		if done != reported || total != len(cs) {
			t.Errorf("reported %d of %d; want %d of %d", done, total, reported, len(cs))
		}
	})
	Sort(rs, []string{"3.12.0"})
	want := []string{Passed, Failed, Failed, Skipped, Skipped, Failed}
	for i, r := range rs {
		if r.Verdict != want[i] {
			t.Errorf("case %s: %s; want %s", r.ID, r.Verdict, want[i])
		}
	}
	if n := len(rs[2].Steps); n != 0 {
		t.Errorf("case 3 went on after Fatalf: %q", rs[2].Steps)
	}
	if rs[4].Reason != NeedsControl || len(rs[4].Steps) > 0 {
		t.Errorf("case 5: %+v; want skipped, not run", rs[4])
	}
	if len(rs[5].Steps) != 1 || len(rs[1].Steps) != 1 {
		t.Errorf("clean-up or going on did not happen: %q, %q", rs[5].Steps, rs[1].Steps)
	}
}

func TestExecuteEndsWithItsTime(t *testing.T) {
	s := &Subject{Label: "x", Host: &server.Host{}}
	r := execute(t.Context(), s, Case{ID: "1", Title: "waits", Run: func(t *T) { t.Pause(time.Minute) }}, 10*time.Millisecond)
	if r.Verdict != Failed || !strings.Contains(r.Failures[0].What, "too long") {
		t.Errorf("a case without end: %+v; want failed, too long", r)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if rs := Run(ctx, map[*Subject][]Case{s: {{ID: "1", Title: "x", Run: func(*T) {}}}}, 1, func(int, int, Result) {}); len(rs) != 0 {
		t.Errorf("cases started after the interrupt: %+v", rs)
	}
}
