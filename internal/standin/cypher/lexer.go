package cypher

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// tokenKind tells tokens apart.
type tokenKind int

const (
	tokenEnd    tokenKind = iota
	tokenWord             // identifier or keyword
	tokenQuoted           // `identifier`, backquotes removed
	tokenString           // "text" or 'text', quotes and escapes resolved
	tokenInt
	tokenFloat
	tokenParameter // $name
	tokenSymbol    // punctuation
)

// token is a piece of a statement.
type token struct {
	kind         tokenKind
	text         string // meaning: name, text, digits or symbol
	start, end   int    // bytes in the source
	line, column int    // both from 1
}

// symbols of more than one character, longest first.
var symbols = []string{"<=", ">=", "<>", "!=", "+=", "=~", "..", "->", "<-"}

// lexer cuts a source into tokens.
type lexer struct {
	src          string
	pos          int
	line, column int
}

// lex returns the tokens of src, ending with a tokenEnd.
func lex(src string) ([]token, error) {
	l := lexer{src: src, line: 1, column: 1}
	tokens := make([]token, 0, len(src)/4+2)
	for {
		t, err := l.next()
		if err != nil {
			return nil, err
		}
		tokens = append(tokens, t)
		if t.kind == tokenEnd {
			return tokens, nil
		}
	}
}

// advance moves n bytes on.
func (l *lexer) advance(n int) {
	for _, r := range l.src[l.pos : l.pos+n] {
		l.column++
		if r == '\n' {
			l.line, l.column = l.line+1, 1
		}
	}
	l.pos += n
}

// rest is the source not read yet.
func (l *lexer) rest() string { return l.src[l.pos:] }

// skipSpace passes over white space and comments.
func (l *lexer) skipSpace() error {
	for l.pos < len(l.src) {
		r, size := utf8.DecodeRuneInString(l.rest())
		switch {
		case unicode.IsSpace(r) || r >= 0x1C && r <= 0x1F:
			l.advance(size)
		case strings.HasPrefix(l.rest(), "//"):
			n := strings.IndexByte(l.rest(), '\n')
			if n < 0 {
				n = len(l.rest())
			}
			l.advance(n)
		case strings.HasPrefix(l.rest(), "/*"):
			n := strings.Index(l.rest()[2:], "*/")
			if n < 0 {
				return l.unknown(l.rest())
			}
			l.advance(n + 4)
		default:
			return nil
		}
	}
	return nil
}

// unknown reports text that begins no token.
func (l *lexer) unknown(text string) error {
	const most = 40
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "")
	}
	return &SyntaxError{Line: l.line, Column: l.column, Reason: fmt.Sprintf("token recognition error at: '%s'", text)}
}

func isWordStart(r rune) bool { return r == '_' || unicode.IsLetter(r) }
func isWordPart(r rune) bool {
	return isWordStart(r) || unicode.IsDigit(r) || unicode.IsMark(r) || unicode.Is(unicode.Sc, r) && r != '$'
}

// next returns the next token.
func (l *lexer) next() (token, error) {
	if err := l.skipSpace(); err != nil {
		return token{}, err
	}
	t := token{start: l.pos, line: l.line, column: l.column}
	rest := l.rest()
	r, _ := utf8.DecodeRuneInString(rest)
	var n int
	var err error
	switch {
	case rest == "":
		t.kind = tokenEnd
	case isWordStart(r):
		t.kind, n = tokenWord, wordLength(rest)
		t.text = rest[:n]
	case r == '`':
		t.kind = tokenQuoted
		t.text, n, err = l.quoted(rest)
	case r == '"' || r == '\'':
		t.kind = tokenString
		t.text, n, err = l.text(rest)
	case r >= '0' && r <= '9' || r == '.' && len(rest) > 1 && rest[1] >= '0' && rest[1] <= '9':
		t.kind, n = number(rest)
		t.text = rest[:n]
	case r == '$':
		t.kind = tokenParameter
		t.text, n, err = l.parameter(rest)
	default:
		t.kind = tokenSymbol
		t.text, err = l.symbol(rest)
		n = len(t.text)
	}
	if err != nil {
		return token{}, err
	}
	l.advance(n)
	t.end = l.pos
	return t, nil
}

func wordLength(s string) int {
	for i, r := range s {
		if !isWordPart(r) {
			return i
		}
	}
	return len(s)
}

// quoted reads `name`; a doubled backquote stands for one.
func (l *lexer) quoted(s string) (text string, n int, err error) {
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		if s[i] != '`' {
			b.WriteByte(s[i])
			continue
		}
		if i+1 < len(s) && s[i+1] == '`' {
			b.WriteByte('`')
			i++
			continue
		}
		return b.String(), i + 1, nil
	}
	return "", 0, l.unknown(s)
}

// parameter reads $name, $`name` or $0.
func (l *lexer) parameter(s string) (text string, n int, err error) {
	if strings.HasPrefix(s, "$`") {
		text, n, err = l.quoted(s[1:])
		return text, n + 1, err
	}
	n = 1 + wordLength(s[1:])
	if n == 1 {
		return "", 0, l.unknown(s[:1])
	}
	return s[1:n], n, nil
}

func (l *lexer) symbol(s string) (string, error) {
	for _, symbol := range symbols {
		if strings.HasPrefix(s, symbol) {
			return symbol, nil
		}
	}
	if strings.IndexByte("(){}[]:,.;=<>+-*/%^|", s[0]) >= 0 {
		return s[:1], nil
	}
	_, size := utf8.DecodeRuneInString(s)
	return "", l.unknown(s[:size])
}

// number measures a number. 1..2 is a range of two integers.
func number(s string) (tokenKind, int) {
	if len(s) > 2 && s[0] == '0' && (s[1] == 'x' || s[1] == 'X') {
		return tokenInt, 2 + span(s[2:], "0123456789abcdefABCDEF")
	}
	const digits = "0123456789"
	n, kind := span(s, digits), tokenInt
	if n < len(s) && s[n] == '.' {
		if fraction := span(s[n+1:], digits); fraction > 0 {
			n, kind = n+1+fraction, tokenFloat
		}
	}
	if n < len(s) && (s[n] == 'e' || s[n] == 'E') {
		sign := 1
		if n+1 < len(s) && (s[n+1] == '-' || s[n+1] == '+') {
			sign = 2
		}
		if n+sign < len(s) {
			if exponent := span(s[n+sign:], digits); exponent > 0 {
				n, kind = n+sign+exponent, tokenFloat
			}
		}
	}
	return kind, n
}

// span returns how many bytes at the start of s are in set.
func span(s, set string) int {
	return len(s) - len(strings.TrimLeft(s, set))
}

// text reads a string literal.
func (l *lexer) text(s string) (text string, n int, err error) {
	quote := s[0]
	if end := strings.IndexAny(s[1:], "\\"+string(quote)); end >= 0 && s[1+end] == quote {
		return s[1 : 1+end], end + 2, nil // the usual case: no escapes
	}
	var b strings.Builder
	for i := 1; i < len(s); {
		switch s[i] {
		case quote:
			return b.String(), i + 1, nil
		case '\\':
			r, size, ok := escape(s[i+1:])
			if !ok {
				return "", 0, l.unknown(s[:min(len(s), i+2)])
			}
			b.WriteRune(r)
			i += 1 + size
		default:
			b.WriteByte(s[i])
			i++
		}
	}
	return "", 0, l.unknown(s)
}

// escape reads what follows a backslash.
func escape(s string) (r rune, size int, ok bool) {
	if s == "" {
		return 0, 0, false
	}
	if i := strings.IndexByte(`\'"bBfFnNrRtT`, s[0]); i >= 0 {
		return rune("\\'\"\b\b\f\f\n\n\r\r\t\t"[i]), 1, true
	}
	width := map[byte]int{'u': 4, 'U': 8}[s[0]]
	if width == 0 || len(s) < 1+width {
		return 0, 0, false
	}
	for _, c := range []byte(s[1 : 1+width]) {
		digit := strings.IndexByte("0123456789abcdef", c|0x20)
		if digit < 0 || c < '0' {
			return 0, 0, false
		}
		r = r<<4 | rune(digit)
	}
	return r, 1 + width, utf8.ValidRune(r)
}

// SplitStatements splits text at the semicolons outside strings, quoted names
// and comments. Statements come back trimmed and without the semicolon; empty
// ones are left out. What cannot be cut into tokens is left in one piece.
func SplitStatements(text string) []string {
	var statements []string
	l := lexer{src: text, line: 1, column: 1}
	begin, some := 0, false
	add := func(end int) {
		if some {
			statements = append(statements, strings.TrimSpace(text[begin:end]))
		}
		begin, some = end+1, false
	}
	for {
		t, err := l.next()
		switch {
		case err != nil:
			some = true
			add(len(text))
			return statements
		case t.kind == tokenEnd:
			add(len(text))
			return statements
		case t.kind == tokenSymbol && t.text == ";":
			add(t.start)
		default:
			some = true
		}
	}
}
