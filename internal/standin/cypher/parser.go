package cypher

import (
	"fmt"
	"strings"

	"memgraph-controller/internal/standin/bolt"
)

// Bounds that keep a hostile statement from exhausting the stack.
const (
	maxNesting   = 250    // of expressions
	maxOperators = 20_000 // in a statement
)

// parser reads one statement. Variables are resolved while reading, so that
// there is no second pass; an error of meaning is kept until the whole text
// has been found well-formed, as Memgraph complains about syntax first.
type parser struct {
	src    string
	tokens []token
	pos    int

	scope     map[string]int // visible variables and their slots
	slots     int            // given out so far
	params    map[string]bool
	nesting   int
	operators int
	meaning   error // first error of meaning
	scans     []*scanOp
	write     bool

	aggs  *[]*aggregation // where aggregations may stand; nil: nowhere
	inAgg bool
}

// Parse returns the statement that text holds. The error is a *SyntaxError,
// or a *bolt.Error for a text that parses but has no meaning ("Unbound
// variable: x.").
func Parse(text string) (Statement, error) {
	tokens, err := lex(text)
	if err != nil {
		return nil, err
	}
	p := &parser{src: text, tokens: tokens, scope: map[string]int{}, params: map[string]bool{}}
	s, err := p.statement()
	if err == nil {
		err = p.end()
	}
	if err == nil {
		err = p.meaning
	}
	if err != nil {
		return nil, err
	}
	return s, nil
}

// statement reads a statement of any kind.
func (p *parser) statement() (Statement, error) {
	s, err := p.systemStatement()
	if s != nil || err != nil {
		return s, err
	}
	return p.query()
}

// end accepts a semicolon and wants nothing more.
func (p *parser) end() error {
	p.symbol(";")
	if p.peek().kind != tokenEnd {
		return p.mismatched("{<EOF>, ';'}")
	}
	return nil
}

// mean notes an error of meaning, of which the first counts.
func (p *parser) mean(format string, args ...any) {
	if p.meaning == nil {
		p.meaning = bolt.ClientError(fmt.Sprintf(format, args...))
	}
}

// peek returns the next token.
func (p *parser) peek() token { return p.tokens[p.pos] }

// peekAt returns the token n after the next.
func (p *parser) peekAt(n int) token { return p.tokens[min(p.pos+n, len(p.tokens)-1)] }

// take returns the next token and moves on.
func (p *parser) take() token {
	t := p.tokens[p.pos]
	if t.kind != tokenEnd {
		p.pos++
	}
	return t
}

func (t token) isWord(word string) bool {
	return t.kind == tokenWord && len(t.text) == len(word) && strings.EqualFold(t.text, word)
}

func (t token) isSymbol(symbol string) bool { return t.kind == tokenSymbol && t.text == symbol }

// ahead reports whether the words come next, in any case.
func (p *parser) ahead(words ...string) bool {
	for i, word := range words {
		if !p.peekAt(i).isWord(word) {
			return false
		}
	}
	return true
}

// words takes the words if all of them come next.
func (p *parser) words(words ...string) bool {
	if !p.ahead(words...) {
		return false
	}
	p.pos += len(words)
	return true
}

// oneOf takes the next word if it is one of the given ones, and returns that.
func (p *parser) oneOf(words ...string) (string, bool) {
	for _, word := range words {
		if p.words(word) {
			return word, true
		}
	}
	return "", false
}

// symbol takes the symbol if it comes next.
func (p *parser) symbol(symbol string) bool {
	if !p.peek().isSymbol(symbol) {
		return false
	}
	p.pos++
	return true
}

// wantWords takes the words or complains about the first that is not there.
func (p *parser) wantWords(words ...string) error {
	for _, word := range words {
		if !p.words(word) {
			return p.mismatched(word)
		}
	}
	return nil
}

func (p *parser) wantSymbol(symbol string) error {
	if !p.symbol(symbol) {
		return p.mismatched("'" + symbol + "'")
	}
	return nil
}

// name takes an identifier, which may be a keyword or in backquotes.
func (p *parser) name() (string, error) {
	t := p.peek()
	if t.kind != tokenWord && t.kind != tokenQuoted {
		return "", p.mismatched("{UnescapedSymbolicName, EscapedSymbolicName}")
	}
	p.pos++
	return t.text, nil
}

// source returns what the token looks like in the text.
func (p *parser) source(t token) string {
	if t.kind == tokenEnd {
		return "<EOF>"
	}
	return p.src[t.start:t.end]
}

// reject returns a SyntaxError at the next token.
func (p *parser) reject(format string, args ...any) error {
	t := p.peek()
	return &SyntaxError{Line: t.line, Column: t.column, Reason: fmt.Sprintf(format, args...)}
}

// mismatched complains that something else was expected.
func (p *parser) mismatched(expecting string) error {
	return p.reject("mismatched input '%s' expecting %s", p.source(p.peek()), expecting)
}

// noViable complains that nothing known begins like the tokens from start to
// the next one, which are shown without white space.
func (p *parser) noViable(start int) error {
	var b strings.Builder
	for _, t := range p.tokens[start : p.pos+1] {
		b.WriteString(p.source(t))
	}
	return p.reject("no viable alternative at input '%s'", b.String())
}

// unsupported complains about Cypher that Memgraph knows and this package
// does not.
func (p *parser) unsupported(what string) error {
	return p.reject("extraneous input '%s' (%s not yet supported by the stand-in)", p.source(p.peek()), what)
}

// declare makes name a variable; an empty name is an anonymous one.
func (p *parser) declare(name string) (slot int) {
	slot = p.slots
	p.slots++
	if name != "" {
		p.scope[name] = slot
	}
	return slot
}

// resolve returns the slot of a variable.
func (p *parser) resolve(name string) int {
	slot, ok := p.scope[name]
	if !ok {
		p.mean("Unbound variable: %s.", name)
	}
	return slot
}

// enter counts one more level of nesting; the caller must leave.
func (p *parser) enter() error {
	if p.nesting++; p.nesting > maxNesting {
		return p.reject("expressions are nested deeper than %d", maxNesting)
	}
	return nil
}

func (p *parser) leave() { p.nesting-- }

// operator counts one more operator.
func (p *parser) operator() error {
	if p.operators++; p.operators > maxOperators {
		return p.reject("statement has more than %d operators", maxOperators)
	}
	return nil
}
