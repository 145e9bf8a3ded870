package cypher

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// query reads a statement about data: clauses up to RETURN.
func (p *parser) query() (Statement, error) {
	began := time.Now()
	q := &Query{}
	c := clauses{p: p, q: q, plan: once{}}
	for !p.peek().isSymbol(";") && p.peek().kind != tokenEnd {
		if err := c.next(); err != nil {
			return nil, err
		}
	}
	if p.pos == 0 {
		return nil, p.mismatched("{CREATE, DETACH, DELETE, MATCH, MERGE, OPTIONAL, REMOVE, RETURN, SET, UNWIND, WITH, ...}")
	}
	if !c.updated && !c.returned {
		p.mean("Query should either create or update something, or return results!")
	}
	q.plan, q.slots, q.write, q.scans = c.plan, p.slots, p.write, p.scans
	q.reading = c.reading
	q.params = slices.Sorted(maps.Keys(p.params))
	q.parsing = time.Since(began)
	return q, nil
}

// clauses builds the plan of a query clause by clause.
type clauses struct {
	p        *parser
	q        *Query
	plan     operator
	updated  bool // an updating clause came since the last WITH
	returned bool
	optional bool // an OPTIONAL MATCH came since the last WITH
	reading  bool // something was read: the query is "rw", not "w"
	lazy     bool // nodes may still be being matched when a row comes out of plan
}

// next reads one clause.
func (c *clauses) next() error {
	p := c.p
	start := p.pos
	switch {
	case p.words("OPTIONAL", "MATCH"):
		return c.match(true)
	case p.words("MATCH"):
		return c.match(false)
	case p.words("UNWIND"):
		return c.unwind()
	case p.words("WITH"):
		return c.with()
	case p.words("RETURN"):
		if c.returned {
			p.mean("There can only be one RETURN in a clause.")
		}
		c.returned = true
		return c.projection(false)
	}
	if word, ok := p.oneOf("CREATE", "MERGE", "SET", "REMOVE", "DELETE", "DETACH"); ok {
		if c.returned {
			p.mean("Update clause can't be used after RETURN.")
		}
		c.updated, p.write = true, true
		if c.lazy { // an update must not change what MATCH and WHERE still look at
			c.plan, c.lazy = &collectOp{input: c.plan}, false
		}
		return c.update(word)
	}
	return c.unknown(start)
}

// update reads the updating clause that began with word.
func (c *clauses) update(word string) error {
	switch word {
	case "CREATE":
		return c.create()
	case "MERGE":
		return c.merge()
	case "SET":
		return c.set()
	case "REMOVE":
		return c.remove()
	case "DETACH":
		if err := c.p.wantWords("DELETE"); err != nil {
			return err
		}
	}
	return c.remover()
}

// unknown complains about what is no clause.
func (c *clauses) unknown(start int) error {
	p := c.p
	for _, word := range []string{"CALL", "FOREACH", "UNION", "LOAD", "EXPLAIN", "PROFILE", "USING", "DUMP", "ANALYZE", "GRANT", "DENY", "REVOKE"} {
		if p.ahead(word) {
			return p.unsupported(word + " is")
		}
	}
	if start == 0 {
		return p.mismatched("{CREATE, DELETE, DETACH, DROP, FREE, MATCH, MERGE, OPTIONAL, REGISTER, REMOVE, RETURN, SET, SHOW, STORAGE, TERMINATE, UNWIND, WITH, ...}")
	}
	return p.mismatched("{<EOF>, ';'}")
}

func (c *clauses) match(optional bool) error {
	p := c.p
	switch {
	case c.updated || c.returned:
		p.mean("MATCH can't be put after RETURN clause or after an update.")
	case c.optional && !optional:
		p.mean("MATCH can't be put after OPTIONAL MATCH.")
	}
	c.optional, c.reading, c.lazy = c.optional || optional, true, true
	plan := c.plan
	if optional {
		plan = once{}
	}
	firstNew := p.slots
	nodes, err := p.pattern(true)
	if err != nil {
		return err
	}
	var scans []*scanOp
	known := firstNew - 1
	for _, n := range nodes {
		known = max(known, n.slot)
		scan := &scanOp{input: plan, node: n, last: known}
		scan.lookups = propertyLookups(n)
		scans, plan = append(scans, scan), scan
	}
	if p.words("WHERE") {
		where, err := p.expression()
		if err != nil {
			return err
		}
		placeFilters(scans, conjuncts(where, nil))
	}
	p.scans = append(p.scans, scans...)
	if optional {
		plan = &optionalOp{input: c.plan, inner: plan, first: firstNew, last: p.slots - 1}
	}
	c.plan = plan
	return nil
}

func (c *clauses) unwind() error {
	p := c.p
	if c.updated || c.returned {
		p.mean("UNWIND can't be put after RETURN clause or after an update.")
	}
	list, err := p.expression()
	if err != nil {
		return err
	}
	if err := p.wantWords("AS"); err != nil {
		return err
	}
	name, err := p.name()
	if err != nil {
		return err
	}
	op := &unwindOp{input: c.plan, list: list}
	if call, ok := list.(callExpr); ok && strings.EqualFold(call.name, "range") {
		op.steps = call.args // range(): the list need not be made
	}
	op.slot = p.fresh(name)
	c.plan = op
	return nil
}

// fresh declares a variable that must be new.
func (p *parser) fresh(name string) int {
	if _, ok := p.scope[name]; ok && name != "" {
		p.mean("Redeclaring variable: %s.", name)
	}
	return p.declare(name)
}

func (c *clauses) create() error {
	nodes, err := c.p.pattern(false)
	c.plan = &createOp{input: c.plan, nodes: nodes}
	return err
}

func (c *clauses) merge() error {
	p := c.p
	c.reading = true
	nodes, err := p.pattern(false)
	if err != nil {
		return err
	}
	if len(nodes) != 1 {
		return p.mismatched("{<EOF>, ';'}")
	}
	scan := &scanOp{input: once{}, node: nodes[0], collect: true}
	scan.lookups = propertyLookups(nodes[0])
	p.scans = append(p.scans, scan)
	op := &mergeOp{input: c.plan, scan: scan}
	for p.words("ON") {
		word, ok := p.oneOf("CREATE", "MATCH")
		if !ok {
			return p.mismatched("{CREATE, MATCH}")
		}
		if err := p.wantWords("SET"); err != nil {
			return err
		}
		changes, err := p.setItems()
		if err != nil {
			return err
		}
		if word == "CREATE" {
			op.onCreate = append(op.onCreate, changes...)
		} else {
			op.onMatch = append(op.onMatch, changes...)
		}
	}
	c.plan = op
	return nil
}

func (c *clauses) set() error {
	changes, err := c.p.setItems()
	c.plan = &changeOp{input: c.plan, changes: changes}
	return err
}

// setItems reads n.p = e, n = e, n += e and n:Label, separated by commas.
func (p *parser) setItems() ([]change, error) {
	var changes []change
	for {
		ch, err := p.setItem()
		if err != nil {
			return nil, err
		}
		changes = append(changes, ch)
		if !p.symbol(",") {
			return changes, nil
		}
	}
}

func (p *parser) setItem() (change, error) {
	name, err := p.name()
	if err != nil {
		return change{}, err
	}
	ch := change{slot: p.resolve(name)}
	switch {
	case p.peek().isSymbol(":"):
		ch.kind = addLabels
		ch.labels, err = p.labels()
		return ch, err
	case p.symbol("."):
		ch.kind = setProperty
		if ch.key, err = p.name(); err != nil {
			return ch, err
		}
		err = p.wantSymbol("=")
	case p.symbol("="):
		ch.kind = replaceProperties
	case p.symbol("+="):
		ch.kind = mergeProperties
	default:
		return ch, p.mismatched("{'.', ':', '=', '+='}")
	}
	if err != nil {
		return ch, err
	}
	ch.value, err = p.expression()
	return ch, err
}

func (c *clauses) remove() error {
	p := c.p
	op := &changeOp{input: c.plan}
	for {
		name, err := p.name()
		if err != nil {
			return err
		}
		ch := change{slot: p.resolve(name)}
		switch {
		case p.peek().isSymbol(":"):
			ch.kind = removeLabels
			ch.labels, err = p.labels()
		case p.symbol("."):
			ch.kind, ch.value = setProperty, literal{nil}
			ch.key, err = p.name()
		default:
			return p.mismatched("{'.', ':'}")
		}
		if err != nil {
			return err
		}
		op.changes = append(op.changes, ch)
		if !p.symbol(",") {
			c.plan = op
			return nil
		}
	}
}

// remover reads the rest of DELETE. Without relationships DETACH changes nothing.
func (c *clauses) remover() error {
	op := &deleteOp{input: c.plan}
	for {
		e, err := c.p.expression()
		if err != nil {
			return err
		}
		op.targets = append(op.targets, e)
		if !c.p.symbol(",") {
			c.plan = op
			return nil
		}
	}
}
