package cypher

// nodePattern is (name:Label {key: value}).
type nodePattern struct {
	name   string // empty: anonymous
	slot   int
	bound  bool // the variable was there before
	labels []string
	props  mapExpr
	param  string // properties come from this parameter
}

// pattern reads node patterns separated by commas. matching tells whether a
// known variable may stand in it.
func (p *parser) pattern(matching bool) ([]*nodePattern, error) {
	var nodes []*nodePattern
	for {
		n, err := p.node(matching)
		if err != nil {
			return nil, err
		}
		nodes = append(nodes, n)
		switch t := p.peek(); {
		case t.isSymbol("-"), t.isSymbol("<"), t.isSymbol("<-"), t.isSymbol("->"):
			return nil, p.unsupported("relationships are")
		}
		if !p.symbol(",") {
			return nodes, nil
		}
	}
}

// node reads one node pattern.
func (p *parser) node(matching bool) (*nodePattern, error) {
	start := p.pos
	if p.peekAt(1).isSymbol("=") {
		return nil, p.unsupported("named paths are")
	}
	if !p.symbol("(") {
		return nil, p.noViable(start)
	}
	n := &nodePattern{}
	var err error
	if t := p.peek(); t.kind == tokenWord || t.kind == tokenQuoted {
		n.name = p.take().text
	}
	if p.peek().isSymbol(":") {
		if n.labels, err = p.labels(); err != nil {
			return nil, err
		}
	}
	switch t := p.peek(); {
	case t.kind == tokenParameter:
		p.pos++
		n.param = t.text
		p.params[t.text] = true
	case t.isSymbol("{"):
		if n.props, err = p.mapLiteral(); err != nil {
			return nil, err
		}
	}
	if !p.symbol(")") {
		return nil, p.noViable(start)
	}
	slot, known := p.scope[n.name]
	switch {
	case known && n.name != "" && matching:
		n.slot, n.bound = slot, true
	default:
		n.slot = p.fresh(n.name)
	}
	return n, nil
}

// labels reads :A:B.
func (p *parser) labels() ([]string, error) {
	var labels []string
	for p.symbol(":") {
		label, err := p.name()
		if err != nil {
			return nil, err
		}
		labels = append(labels, label)
	}
	return labels, nil
}

// lookup is a value that a property of a node (or its id, if key is empty)
// must have, so that an index can find it.
type lookup struct {
	key   string
	value expr
	list  bool // value is a list of which one must match
}

// propertyLookups returns the lookups that the pattern itself asks for.
func propertyLookups(n *nodePattern) []lookup {
	var lookups []lookup
	for i, key := range n.props.keys {
		lookups = append(lookups, lookup{key: key, value: n.props.values[i]})
	}
	return lookups
}

// conjuncts appends the conditions that AND joins in e.
func conjuncts(e expr, to []expr) []expr {
	if and, ok := e.(logicExpr); ok && and.op == "AND" {
		return conjuncts(and.right, conjuncts(and.left, to))
	}
	return append(to, e)
}

// placeFilters gives each condition to the first scan after which all its
// variables are known, and notes those that an index can answer.
func placeFilters(scans []*scanOp, conditions []expr) {
	for _, condition := range conditions {
		highest := highestSlot(condition)
		for _, scan := range scans {
			if l, ok := lookupIn(condition, scan.node.slot); ok && !scan.node.bound {
				scan.lookups = append(scan.lookups, l)
			}
		}
		for _, scan := range scans {
			if highest <= scan.last || scan == scans[len(scans)-1] {
				scan.filters = append(scan.filters, condition)
				break
			}
		}
	}
}

// lookupIn reads n.key = value, id(n) = value and n.key IN values, where slot
// holds n and the value is known before.
func lookupIn(condition expr, slot int) (lookup, bool) {
	switch c := condition.(type) {
	case compareExpr:
		if c.op != "=" {
			break
		}
		for _, side := range [][2]expr{{c.left, c.right}, {c.right, c.left}} {
			if key, ok := keyOf(side[0], slot); ok && highestSlot(side[1]) < slot {
				return lookup{key: key, value: side[1]}, true
			}
		}
	case inExpr:
		if key, ok := keyOf(c.item, slot); ok && highestSlot(c.list) < slot {
			return lookup{key: key, value: c.list, list: true}, true
		}
	}
	return lookup{}, false
}

// keyOf returns the key of a property of the node in slot, or "" for its id.
func keyOf(e expr, slot int) (string, bool) {
	switch e := e.(type) {
	case propertyExpr:
		return e.key, e.of == expr(slotExpr{slot})
	case callExpr:
		return "", len(e.args) == 1 && e.isID() && e.args[0] == expr(slotExpr{slot})
	}
	return "", false
}

// isID reports whether e calls id().
func (e callExpr) isID() bool {
	return len(e.name) == 2 && e.name[0]|0x20 == 'i' && e.name[1]|0x20 == 'd'
}

// highestSlot returns the highest slot that e reads, -1 for none.
func highestSlot(e expr) int {
	highest := -1
	eachPart(e, func(part expr) {
		if s, ok := part.(slotExpr); ok {
			highest = max(highest, s.slot)
		}
	})
	return highest
}

// eachPart calls f for e and all expressions in it.
func eachPart(e expr, f func(expr)) {
	if e == nil {
		return
	}
	f(e)
	for _, part := range parts(e) {
		eachPart(part, f)
	}
}

// parts returns the expressions that e is made of; some may be nil.
func parts(e expr) []expr {
	switch e := e.(type) {
	case listExpr:
		return e.items
	case mapExpr:
		return e.values
	case propertyExpr:
		return []expr{e.of}
	case labelsExpr:
		return []expr{e.of}
	case indexExpr:
		return []expr{e.of, e.at}
	case sliceExpr:
		return []expr{e.of, e.from, e.to}
	case notExpr:
		return []expr{e.of}
	case logicExpr:
		return []expr{e.left, e.right}
	case compareExpr:
		return []expr{e.left, e.right}
	case textExpr:
		return []expr{e.left, e.right}
	case inExpr:
		return []expr{e.item, e.list}
	case isNullExpr:
		return []expr{e.of}
	case arithExpr:
		return []expr{e.left, e.right}
	case signExpr:
		return []expr{e.of}
	case callExpr:
		return e.args
	case caseExpr:
		all := []expr{e.subject, e.fallback}
		for _, w := range e.whens {
			all = append(all, w.when, w.then)
		}
		return all
	}
	return nil
}
