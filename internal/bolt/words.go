package bolt

// peekWords is how much of a query is looked at.
const peekWords = 128

// Changes reports whether the query of a RUN message, of which body is the beginning as
// Kept returns it, may change its session, so that another server would answer what
// follows differently: USE DATABASE, SET SESSION …, SET NEXT TRANSACTION …, and a
// transaction that is begun by a query (Memgraph 3.12 documentation: isolation level,
// session trace, multi-tenancy, transactions). When in doubt it does.
func Changes(body []byte) bool {
	if len(body) < 3 {
		return true
	}
	query, whole := queryIn(body[2:])
	if query == nil {
		return true
	}
	first, rest, ok := word(query)
	if !ok {
		return !whole // an empty query, or one that begins with a long comment
	}
	switch {
	case is(first, "USE"), is(first, "BEGIN"), is(first, "COMMIT"), is(first, "ROLLBACK"):
		return true
	case is(first, "SET"):
		second, rest, ok := word(rest)
		return !ok || len(rest) == 0 && !whole || is(second, "SESSION") || is(second, "NEXT")
	}
	return len(rest) == 0 && !whole
}

// queryIn returns the beginning of the first field, a string, and whether that is all of
// it. Nil if it is no string.
func queryIn(b []byte) ([]byte, bool) {
	s := skipper{rest: b}
	n := s.size(0x80, 0xD0)
	if s.failed {
		return nil, false
	}
	k := min(n, len(s.rest), peekWords)
	return s.rest[:k:k], k == n
}

// word returns the first word of a query, and what follows it. It passes over blanks and
// comments. False if there is none, or it may go on beyond the end.
func word(q []byte) (first, rest []byte, ok bool) {
	for len(q) > 0 {
		switch {
		case blank(q[0]):
			q = q[1:]
		case len(q) > 1 && q[0] == '/' && q[1] == '/':
			q = after(q, "\n")
		case len(q) > 1 && q[0] == '/' && q[1] == '*':
			q = after(q[2:], "*/")
		default:
			n := letters(q)
			return q[:n], q[n:], true
		}
	}
	return nil, nil, false
}

func blank(c byte) bool {
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v' || c >= 0x80
}

func after(q []byte, end string) []byte {
	for i := 0; i+len(end) <= len(q); i++ {
		if string(q[i:i+len(end)]) == end {
			return q[i+len(end):]
		}
	}
	return nil
}

// letters is how long the word is that q begins with, up to nine: no word that matters is
// longer than eight letters. What begins with something else is none that matters.
func letters(q []byte) int {
	n := 0
	for n < len(q) && n < 9 && (q[n]|0x20) >= 'a' && (q[n]|0x20) <= 'z' {
		n++
	}
	return n
}

// is reports whether a word of letters is the keyword, given in capitals.
func is(word []byte, keyword string) bool {
	if len(word) != len(keyword) {
		return false
	}
	for i, c := range word {
		if c&^0x20 != keyword[i] {
			return false
		}
	}
	return true
}
