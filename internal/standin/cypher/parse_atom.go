package cypher

import (
	"strconv"
	"strings"
)

// atom reads the smallest expressions.
func (p *parser) atom() (expr, error) {
	t := p.peek()
	switch t.kind {
	case tokenInt:
		p.pos++
		return p.integer(t.text), nil
	case tokenFloat:
		p.pos++
		f, err := strconv.ParseFloat(t.text, 64)
		if err != nil {
			p.mean("Couldn't parse string to double.")
		}
		return literal{f}, nil
	case tokenString:
		p.pos++
		return literal{t.text}, nil
	case tokenParameter:
		p.pos++
		p.params[t.text] = true
		return paramExpr{t.text}, nil
	case tokenWord, tokenQuoted:
		return p.word()
	}
	switch {
	case p.symbol("("):
		return p.parenthesized()
	case p.symbol("["):
		return p.list()
	case p.peek().isSymbol("{"):
		return p.mapLiteral()
	}
	return nil, p.noViable(p.pos)
}

func (p *parser) parenthesized() (expr, error) {
	e, err := p.expression()
	if err != nil {
		return nil, err
	}
	return e, p.wantSymbol(")")
}

// list reads a list after its bracket.
func (p *parser) list() (expr, error) {
	list := listExpr{}
	for first := true; !p.symbol("]"); first = false {
		if !first {
			if err := p.wantSymbol(","); err != nil {
				return nil, err
			}
		}
		if first && p.peek().kind == tokenWord && p.peekAt(1).isWord("IN") && p.comprehension() {
			return nil, p.unsupported("list comprehensions are")
		}
		item, err := p.expression()
		if err != nil {
			return nil, err
		}
		list.items = append(list.items, item)
	}
	return constant(list, list.items), nil
}

// comprehension reports whether the list being read goes on with WHERE or |
// on its own level.
func (p *parser) comprehension() bool {
	depth := 0
	for _, t := range p.tokens[p.pos:] {
		switch {
		case t.isSymbol("["), t.isSymbol("("), t.isSymbol("{"):
			depth++
		case depth == 0 && (t.isSymbol("|") || t.isWord("WHERE")):
			return true
		case t.isSymbol("]"), t.isSymbol(")"), t.isSymbol("}"):
			if depth--; depth < 0 {
				return false
			}
		}
	}
	return false
}

// mapLiteral reads {key: value, ...}.
func (p *parser) mapLiteral() (mapExpr, error) {
	m := mapExpr{}
	if err := p.wantSymbol("{"); err != nil {
		return m, err
	}
	for first := true; !p.symbol("}"); first = false {
		if !first {
			if err := p.wantSymbol(","); err != nil {
				return m, err
			}
		}
		key, err := p.name()
		if err != nil {
			return m, err
		}
		if err := p.wantSymbol(":"); err != nil {
			return m, err
		}
		value, err := p.expression()
		if err != nil {
			return m, err
		}
		m.keys, m.values = append(m.keys, key), append(m.values, value)
	}
	return m, nil
}

// constant evaluates e now if all parts are literals.
func constant(e expr, parts []expr) expr {
	for _, part := range parts {
		if _, ok := part.(literal); !ok {
			return e
		}
	}
	if v, err := e.eval(nil); err == nil {
		return literal{v}
	}
	return e
}

// word reads what begins with a name: a literal, CASE, a function, a variable.
func (p *parser) word() (expr, error) {
	t := p.take()
	if t.kind == tokenWord && !p.peek().isSymbol("(") {
		switch strings.ToUpper(t.text) {
		case "TRUE":
			return literal{true}, nil
		case "FALSE":
			return literal{false}, nil
		case "NULL":
			return literal{nil}, nil
		case "CASE":
			return p.caseOf()
		}
	}
	if p.peek().isSymbol("(") {
		p.pos++
		return p.call(t)
	}
	return slotExpr{p.resolve(t.text)}, nil
}

func (p *parser) caseOf() (expr, error) {
	e := caseExpr{}
	var err error
	if !p.ahead("WHEN") {
		if e.subject, err = p.expression(); err != nil {
			return nil, err
		}
	}
	for p.words("WHEN") {
		var w caseWhen
		if w.when, err = p.expression(); err != nil {
			return nil, err
		}
		if err := p.wantWords("THEN"); err != nil {
			return nil, err
		}
		if w.then, err = p.expression(); err != nil {
			return nil, err
		}
		e.whens = append(e.whens, w)
	}
	if len(e.whens) == 0 {
		return nil, p.mismatched("WHEN")
	}
	if p.words("ELSE") {
		if e.fallback, err = p.expression(); err != nil {
			return nil, err
		}
	}
	return e, p.wantWords("END")
}

// call reads the arguments of a function after the opening parenthesis.
func (p *parser) call(name token) (expr, error) {
	lower := strings.ToLower(name.text)
	if lower == "count" && p.symbol("*") {
		return p.aggregate(&aggregation{name: lower}), p.wantSymbol(")")
	}
	distinct := p.words("DISTINCT")
	if aggregates[lower] {
		return p.aggregateCall(lower, distinct)
	}
	var args []expr
	for first := true; !p.symbol(")"); first = false {
		if !first {
			if err := p.wantSymbol(","); err != nil {
				return nil, err
			}
		}
		arg, err := p.expression()
		if err != nil {
			return nil, err
		}
		args = append(args, arg)
	}
	f, ok := functions[lower]
	switch {
	case !ok:
		p.mean("Function '%s' doesn't exist.", strings.ToUpper(name.text))
	case len(args) < f.min || f.max >= 0 && len(args) > f.max:
		p.mean("'%s' requires %s.", lower, f.arity())
	}
	return callExpr{name.text, f, args}, nil
}

// arity says how many arguments f takes.
func (f function) arity() string {
	switch {
	case f.max == 0:
		return "no arguments"
	case f.min == f.max:
		return "exactly " + strconv.Itoa(f.min) + " argument" + map[bool]string{true: "s"}[f.min > 1]
	case f.max < 0:
		return "at least " + strconv.Itoa(f.min) + " argument"
	}
	return "between " + strconv.Itoa(f.min) + " and " + strconv.Itoa(f.max) + " arguments"
}

// aggregateCall reads the argument of an aggregating function.
func (p *parser) aggregateCall(name string, distinct bool) (expr, error) {
	if p.inAgg {
		p.mean("Using aggregation functions inside aggregation functions is not allowed.")
	}
	outer := p.inAgg
	p.inAgg = true
	arg, err := p.expression()
	p.inAgg = outer
	if err != nil {
		return nil, err
	}
	return p.aggregate(&aggregation{name: name, arg: arg, distinct: distinct}), p.wantSymbol(")")
}

// aggregate notes an aggregation and returns the expression for its result.
func (p *parser) aggregate(a *aggregation) expr {
	if p.aggs == nil {
		p.mean("Aggregation functions are only allowed in WITH and RETURN.")
		return literal{nil}
	}
	a.slot = p.declare("")
	*p.aggs = append(*p.aggs, a)
	return slotExpr{a.slot}
}
