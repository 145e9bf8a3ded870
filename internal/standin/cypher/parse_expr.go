package cypher

import (
	"strconv"
	"strings"
)

// binary operators by precedence, loosest first. AND binds tighter than XOR,
// XOR tighter than OR; NOT and comparisons come after these.
var logic = []string{"OR", "XOR", "AND"}

// expression reads an expression.
func (p *parser) expression() (expr, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	return p.logical(0)
}

// logical reads expressions joined by logic[level] and what binds tighter.
func (p *parser) logical(level int) (expr, error) {
	if level == len(logic) {
		return p.negation()
	}
	left, err := p.logical(level + 1)
	for err == nil && p.words(logic[level]) {
		if err = p.operator(); err != nil {
			break
		}
		var right expr
		right, err = p.logical(level + 1)
		left = logicExpr{logic[level], left, right}
	}
	return left, err
}

func (p *parser) negation() (expr, error) {
	nots := 0
	for p.words("NOT") {
		nots++
		if err := p.operator(); err != nil {
			return nil, err
		}
	}
	e, err := p.comparison()
	for range nots {
		e = notExpr{e}
	}
	return e, err
}

// comparison reads a chain such as 1 < x <= 5, which means 1 < x AND x <= 5.
func (p *parser) comparison() (expr, error) {
	left, err := p.binary(0)
	if err != nil {
		return nil, err
	}
	var chain expr
	for {
		op := p.peek().text
		if p.peek().kind != tokenSymbol || !comparisons[op] {
			break
		}
		p.pos++
		if err := p.operator(); err != nil {
			return nil, err
		}
		right, err := p.binary(0)
		if err != nil {
			return nil, err
		}
		if op == "!=" {
			op = "<>"
		}
		var link expr = compareExpr{op, left, right}
		if chain != nil {
			link = logicExpr{"AND", chain, link}
		}
		chain, left = link, right
	}
	if chain != nil {
		return chain, nil
	}
	return left, nil
}

var comparisons = map[string]bool{"=": true, "<>": true, "!=": true, "<": true, "<=": true, ">": true, ">=": true}

// levels of arithmetic, loosest first.
var levels = []string{"+-", "*/%", "^"}

func (p *parser) binary(level int) (expr, error) {
	if level == len(levels) {
		return p.signed()
	}
	left, err := p.binary(level + 1)
	for err == nil {
		t := p.peek()
		if t.kind != tokenSymbol || len(t.text) != 1 || !strings.Contains(levels[level], t.text) {
			break
		}
		p.pos++
		if err = p.operator(); err != nil {
			break
		}
		var right expr
		right, err = p.binary(level + 1)
		left = arithExpr{t.text, left, right}
	}
	return left, err
}

// signed reads unary plus and minus. The sign of a number is part of it.
func (p *parser) signed() (expr, error) {
	var signs []string
	for p.peek().isSymbol("-") || p.peek().isSymbol("+") {
		signs = append(signs, p.take().text)
		next := p.peek()
		if signs[len(signs)-1] == "-" && next.kind == tokenInt {
			p.pos++
			e, err := p.postfix(p.integer("-" + next.text))
			return wrapSigns(signs[:len(signs)-1], e), err
		}
		if err := p.operator(); err != nil {
			return nil, err
		}
	}
	atom, err := p.atom()
	if err != nil {
		return nil, err
	}
	e, err := p.postfix(atom)
	return wrapSigns(signs, e), err
}

func wrapSigns(signs []string, e expr) expr {
	for i := len(signs) - 1; i >= 0; i-- {
		e = signExpr{signs[i], e}
	}
	return e
}

// integer returns the literal with the digits.
func (p *parser) integer(digits string) expr {
	base := 10
	plain := strings.TrimPrefix(digits, "-")
	switch {
	case strings.HasPrefix(plain, "0x") || strings.HasPrefix(plain, "0X"):
		base = 16
		digits = strings.Replace(digits, plain, plain[2:], 1)
	case len(plain) > 1 && plain[0] == '0':
		base = 8
	}
	n, err := strconv.ParseInt(digits, base, 64)
	if err != nil {
		p.mean("Integer literal exceeds 64 bits.")
	}
	return literal{n}
}

// postfix reads what may follow an atom: properties, labels, indexes and the
// text and list operators, which in this grammar bind tighter than arithmetic.
func (p *parser) postfix(e expr) (expr, error) {
	for {
		next, err := p.suffix(e)
		if err != nil || next == nil {
			return e, err
		}
		if err := p.operator(); err != nil {
			return nil, err
		}
		e = next
	}
}

// suffix reads one suffix of e; nil if there is none.
func (p *parser) suffix(e expr) (expr, error) {
	switch {
	case p.symbol("."):
		key, err := p.name()
		return propertyExpr{e, key}, err
	case p.peek().isSymbol(":"):
		labels, err := p.labels()
		return labelsExpr{e, labels}, err
	case p.symbol("["):
		return p.index(e)
	case p.words("IN"):
		list, err := p.operand()
		return inExpr{e, list}, err
	case p.words("STARTS", "WITH"):
		right, err := p.operand()
		return textExpr{"STARTS WITH", e, right}, err
	case p.words("ENDS", "WITH"):
		right, err := p.operand()
		return textExpr{"ENDS WITH", e, right}, err
	case p.words("CONTAINS"):
		right, err := p.operand()
		return textExpr{"CONTAINS", e, right}, err
	case p.words("IS", "NULL"):
		return isNullExpr{e, false}, nil
	case p.words("IS", "NOT", "NULL"):
		return isNullExpr{e, true}, nil
	case p.peek().isSymbol("=~"):
		return nil, p.unsupported("regular expressions are")
	}
	return nil, nil
}

// operand reads an atom with its properties, which is what the text and list
// operators take on their right.
func (p *parser) operand() (expr, error) {
	e, err := p.atom()
	for err == nil {
		switch {
		case p.symbol("."):
			var key string
			key, err = p.name()
			e = propertyExpr{e, key}
		case p.peek().isSymbol("[") && !isLiteralList(e):
			p.pos++
			e, err = p.index(e)
		default:
			return e, nil
		}
		if err == nil {
			err = p.operator()
		}
	}
	return nil, err
}

func isLiteralList(e expr) bool { _, ok := e.(listExpr); return ok }

// index reads the rest of e[i], e[i..j].
func (p *parser) index(e expr) (expr, error) {
	var from, to expr
	var err error
	if !p.peek().isSymbol("..") {
		if from, err = p.expression(); err != nil {
			return nil, err
		}
	}
	if !p.symbol("..") {
		return indexExpr{e, from}, p.wantSymbol("]")
	}
	if !p.peek().isSymbol("]") {
		if to, err = p.expression(); err != nil {
			return nil, err
		}
	}
	return sliceExpr{e, from, to}, p.wantSymbol("]")
}
