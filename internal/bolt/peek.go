package bolt

// Peek looks for a key with a boolean value in the map that is the first field of a
// message body, as Kept returns it: what a server says at the end of a result. It
// allocates nothing. False, false if the key is not there, or the body is not what was
// expected.
func Peek(body []byte, key string) (value, found bool) {
	if len(body) < 3 || body[0]&0xF0 != 0xB0 || body[0]&0x0F == 0 {
		return false, false
	}
	s := skipper{rest: body[2:]}
	for n := s.size(0xA0, 0xD8); n > 0 && !s.failed; n-- {
		name := s.text()
		if string(name) == key && len(s.rest) > 0 && (s.rest[0] == 0xC2 || s.rest[0] == 0xC3) {
			return s.rest[0] == 0xC3, true
		}
		s.value(0)
	}
	return false, false
}

// skipper passes over values.
type skipper struct {
	rest   []byte
	failed bool
}

func (s *skipper) take(n int) []byte {
	if s.failed || n < 0 || n > len(s.rest) {
		s.failed, s.rest = true, nil
		return nil
	}
	b := s.rest[:n]
	s.rest = s.rest[n:]
	return b
}

func (s *skipper) number(size int) int {
	n := 0
	for _, b := range s.take(size) {
		n = n<<8 | int(b)
	}
	return n
}

// size reads the marker of a sized value: tiny has the size in its low half, wide,
// wide+1 and wide+2 are followed by it in one, two and four bytes.
func (s *skipper) size(tiny, wide byte) int {
	marker := s.take(1)
	switch {
	case marker == nil:
	case marker[0]&0xF0 == tiny:
		return int(marker[0] & 0x0F)
	case marker[0] >= wide && marker[0] <= wide+2:
		return s.number(1 << (marker[0] - wide))
	}
	s.failed = true
	return 0
}

func (s *skipper) text() []byte { return s.take(s.size(0x80, 0xD0)) }

func (s *skipper) value(depth int) {
	if len(s.rest) == 0 || depth > maxDepth {
		s.failed = true
		return
	}
	switch m := s.rest[0]; {
	case m&0xF0 == 0x80, m >= 0xD0 && m <= 0xD2:
		s.text()
	case m&0xF0 == 0x90, m >= 0xD4 && m <= 0xD6:
		s.values(s.size(0x90, 0xD4), depth)
	case m&0xF0 == 0xA0, m >= 0xD8 && m <= 0xDA:
		s.values(2*s.size(0xA0, 0xD8), depth)
	case m&0xF0 == 0xB0:
		s.take(2)
		s.values(int(m&0x0F), depth)
	case m >= 0xCC && m <= 0xCE:
		s.take(1)
		s.take(s.number(1 << (m - 0xCC)))
	case m == 0xC1, m == 0xCB:
		s.take(9)
	case m >= 0xC8 && m <= 0xCA:
		s.take(1 + 1<<(m-0xC8))
	default: // nil, bool, small integers; what is none of these ends the next step
		s.take(1)
	}
}

func (s *skipper) values(n, depth int) {
	for ; n > 0 && !s.failed; n-- {
		s.value(depth + 1)
	}
}
