package main

import (
	"strings"
	"testing"
	"time"

	"memgraph-controller/test/drivers/judge"
)

func TestEveryClientHasIDsOfItsOwnAlsoInTheNextLoad(t *testing.T) {
	p := plan{drivers: judge.Drivers, uris: judge.URIs, modes: judge.Modes, writers: 2, rhythm: 50 * time.Millisecond}
	cells := p.cells(judge.MainCrash)
	if len(cells) != 12 {
		t.Fatalf("%d cells; want 12", len(cells))
	}
	var c clients
	seen := map[int64]bool{}
	var last int64
	for range 2 {
		specs := c.hire(p, cells, "127.0.0.1:1")
		writers, readers := 0, 0
		for driver, some := range specs {
			for _, s := range some {
				cell := cells[c.cell[s.Number]]
				if cell.Driver != driver || cell.Mode != s.Mode || !strings.HasPrefix(s.URL, string(cell.URI)+"://127") || s.Rhythm != 50 {
					t.Errorf("%s client %+v for %+v", driver, s, cell)
				}
				if s.FirstID == 0 {
					readers++
					continue
				}
				writers++
				if i, ours := c.owner(s.FirstID + 12345); seen[s.FirstID] || !ours || i != c.cell[s.Number] {
					t.Errorf("id %d of client %d belongs to cell %d, %t", s.FirstID, s.Number, i, ours)
				}
				seen[s.FirstID], last = true, s.FirstID
			}
		}
		if writers != 24 || readers != 12 {
			t.Errorf("%d write and %d read; want 24 and 12", writers, readers)
		}
	}
	c.hire(p, cells, "127.0.0.1:1")
	if _, ours := c.owner(last); ours {
		t.Error("an id of an earlier load is one of this load's")
	}
}

func TestFlagsAreRefusedByName(t *testing.T) {
	for _, tt := range []struct{ args, want string }{
		{"--event main-crush", `--event "main-crush"`},
		{"--driver python", `--driver "python"`},
		{"--runs 0", "--runs 0"},
		{"--writers 0", "--writers 0"},
		{"--rhythm 1us", "--rhythm 1µs"},
		{"--where moon", `--where "moon"`},
		{"--js /nowhere", "install.sh"},
	} {
		cmd := command()
		cmd.SetArgs(strings.Fields(tt.args))
		if err := cmd.ExecuteContext(t.Context()); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v; want an error that says %s", tt.args, err, tt.want)
		}
	}
}
