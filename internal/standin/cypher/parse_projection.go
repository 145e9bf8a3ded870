package cypher

import (
	"maps"
	"slices"
	"strings"
)

// item is one column of a WITH or RETURN.
type item struct {
	value expr
	name  string
	slot  int // where the value goes
	keyed bool
}

// sortKey is one expression of ORDER BY.
type sortKey struct {
	value expr
	desc  bool
}

func (c *clauses) with() error {
	if c.returned {
		c.p.mean("RETURN can't be put before WITH.")
	}
	return c.projection(true)
}

// projection reads what follows WITH or RETURN.
func (c *clauses) projection(with bool) error {
	p := c.p
	op := &projectOp{input: c.plan, writes: c.updated}
	if c.updated { // all is written before the first row comes out
		op.input = &collectOp{input: c.plan}
	}
	op.distinct = p.words("DISTINCT")
	texts, err := p.items(op, with)
	if err != nil {
		return err
	}
	outer := p.scope
	p.scope = maps.Clone(outer)
	for _, it := range op.items {
		p.scope[it.name] = it.slot
	}
	if err := p.orderSkipLimit(op, texts); err != nil {
		return err
	}
	p.scope = map[string]int{}
	for _, it := range op.items {
		if _, twice := p.scope[it.name]; twice {
			p.mean("Multiple results with the same name '%s' are not allowed.", it.name)
		}
		p.scope[it.name] = it.slot
	}
	c.plan = op
	if !with {
		c.q.columns = op.items
		return nil
	}
	if p.words("WHERE") {
		if op.where, err = p.expression(); err != nil {
			return err
		}
	}
	c.updated, c.optional = false, false
	return nil
}

// items reads the columns. It returns their texts, by which ORDER BY may name
// them again.
func (p *parser) items(op *projectOp, with bool) (texts map[string]int, err error) {
	texts = map[string]int{}
	p.aggs = &op.aggs
	defer func() { p.aggs = nil }()
	first := true
	if p.symbol("*") {
		if len(p.scope) == 0 {
			p.mean("There are no variables in scope to use for '*'.")
		}
		for _, name := range slices.Sorted(maps.Keys(p.scope)) {
			op.items = append(op.items, item{value: slotExpr{p.scope[name]}, name: name, keyed: true})
		}
		first = false
	}
	for first || p.symbol(",") {
		first = false
		it, text, err := p.item(op, with)
		if err != nil {
			return nil, err
		}
		texts[text] = len(op.items)
		op.items = append(op.items, it)
	}
	for i := range op.items { // after all are read: a new name must not hide an old one before
		op.items[i].slot = p.declareResult()
	}
	return texts, nil
}

// declareResult returns a slot for a column.
func (p *parser) declareResult() int { return p.declare("") }

// item reads one column.
func (p *parser) item(op *projectOp, with bool) (it item, text string, err error) {
	start, aggregations := p.pos, len(op.aggs)
	if it.value, err = p.expression(); err != nil {
		return it, "", err
	}
	it.keyed = len(op.aggs) == aggregations
	text = p.text(start)
	it.name = p.src[p.tokens[start].start:p.tokens[p.pos-1].end]
	switch t := p.tokens[start]; {
	case p.words("AS"):
		it.name, err = p.name()
	case p.pos == start+1 && t.kind == tokenQuoted:
		it.name = t.text
	case with && !isVariable(it.value, p.tokens[start:p.pos]):
		p.mean("Only variables can be non-aliased in WITH.")
	}
	return it, text, err
}

// isVariable reports whether the tokens are just a variable.
func isVariable(e expr, tokens []token) bool {
	_, ok := e.(slotExpr)
	return ok && len(tokens) == 1
}

// text returns the tokens since start in a form that does not depend on white
// space or the case of names' quotes.
func (p *parser) text(start int) string {
	var b strings.Builder
	for _, t := range p.tokens[start:p.pos] {
		b.WriteString(p.source(t))
		b.WriteByte(' ')
	}
	return b.String()
}

// orderSkipLimit reads the rest of a projection. An expression of ORDER BY
// that repeats a column means that column; this is how it may aggregate.
func (p *parser) orderSkipLimit(op *projectOp, texts map[string]int) error {
	var err error
	if p.words("ORDER", "BY") {
		for first := true; first || p.symbol(","); first = false {
			key, err := p.sortKey(op, texts)
			if err != nil {
				return err
			}
			op.order = append(op.order, key)
		}
	}
	if p.words("SKIP") {
		if op.skip, err = p.constantExpression("SKIP"); err != nil {
			return err
		}
	}
	if p.words("LIMIT") {
		op.limit, err = p.constantExpression("LIMIT")
	}
	return err
}

// constantExpression reads an expression that does not depend on the row.
func (p *parser) constantExpression(clause string) (expr, error) {
	e, err := p.expression()
	if err == nil && highestSlot(e) >= 0 {
		p.mean("Variables are not allowed in %s.", clause)
	}
	return e, err
}

func (p *parser) sortKey(op *projectOp, texts map[string]int) (key sortKey, err error) {
	start := p.pos
	aggs := []*aggregation{}
	p.aggs = &aggs
	key.value, err = p.expression()
	p.aggs = nil
	if err != nil {
		return key, err
	}
	if i, ok := texts[p.text(start)]; ok {
		key.value = slotExpr{op.items[i].slot}
	} else if len(aggs) > 0 {
		p.mean("Aggregation functions are only allowed in WITH and RETURN.")
	}
	if _, desc := p.oneOf("DESCENDING", "DESC"); desc {
		key.desc = true
	} else {
		p.oneOf("ASCENDING", "ASC")
	}
	return key, nil
}
