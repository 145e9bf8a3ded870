package main

import (
	"slices"
	"time"

	"memgraph-controller/test/drivers/client"
	"memgraph-controller/test/drivers/judge"
)

// plan is what is to be run.
type plan struct {
	drivers []judge.Driver
	uris    []judge.URI
	modes   []judge.Mode
	events  []judge.Event
	runs    int
	writers int
	quiet   time.Duration
	rhythm  time.Duration
}

// uses reports whether a driver was chosen.
func (p plan) uses(d judge.Driver) bool { return slices.Contains(p.drivers, d) }

// cells are the combinations of an event.
func (p plan) cells(e judge.Event) []judge.Cell {
	var cells []judge.Cell
	for _, d := range p.drivers {
		for _, u := range p.uris {
			for _, m := range p.modes {
				cells = append(cells, judge.Cell{Driver: d, URI: u, Mode: m, Event: e})
			}
		}
	}
	return cells
}

// clients numbers clients, each with ids of its own. The zero value has numbered none.
type clients struct {
	last int
	cell map[int]int // by number: the index of its cell
}

// idsEach is how many ids belong to one client. JavaScript's numbers are exact up to nine
// million clients.
const idsEach = 1_000_000_000

// hire numbers the clients of a load: for each cell those that write, and one that reads.
func (c *clients) hire(p plan, cells []judge.Cell, door string) map[judge.Driver][]client.Spec {
	c.cell = map[int]int{}
	specs := map[judge.Driver][]client.Spec{}
	for i, cell := range cells {
		for n := range p.writers + 1 {
			c.last++
			c.cell[c.last] = i
			spec := client.Spec{Number: c.last, Mode: cell.Mode, URL: string(cell.URI) + "://" + door, Rhythm: p.rhythm.Milliseconds()}
			if n < p.writers {
				spec.FirstID = int64(c.last)*idsEach + 1
			}
			specs[cell.Driver] = append(specs[cell.Driver], spec)
		}
	}
	return specs
}

// owner returns the index of the cell that an id belongs to, false if it is none of this
// load's.
func (c *clients) owner(id int64) (int, bool) {
	i, ours := c.cell[int(id/idsEach)]
	return i, ours
}
