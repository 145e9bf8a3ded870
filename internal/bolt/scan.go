package bolt

// Event says what Scanner.Next has come to.
type Event uint8

// The events.
const (
	More  Event = iota // the bytes have ended
	Noop               // an empty chunk between messages, which keeps a connection alive
	Start              // a message has begun, and its tag is known
	End                // it is whole
	Alien              // this is no Bolt message; nothing more will be found
)

// Scanner finds messages in a stream of chunks. The zero value stands at the beginning
// of a message. It is small: a processor has it at hand, or waits for memory, with every
// message.
type Scanner struct {
	size  [2]byte // of the chunk, while it is read
	sized uint8   // bytes of size that are read
	seen  uint8   // bytes of the message so far, chunk sizes not counted; at most 2 are told apart
	head  [2]byte // the first two of them
	told  bool    // Start was returned
	alien bool
	left  int // bytes of the chunk that are still to come

	keeping bool
	over    bool // the message was longer than limit
	limit   int
	kept    []byte
}

// Tag is that of the message that has begun.
func (s *Scanner) Tag() Tag { return Tag(s.head[1]) }

// Undecided reports whether some bytes of a message were read, and not enough of them to
// know its tag: at most six.
func (s *Scanner) Undecided() bool { return !s.told && (s.sized > 0 || s.left > 0 || s.seen > 0) }

// Between reports whether the stream stands between two messages.
func (s *Scanner) Between() bool {
	return !s.told && s.sized == 0 && s.left == 0 && s.seen == 0 && !s.alien
}

// Keep has the message that has just begun kept, up to limit bytes of its body.
func (s *Scanner) Keep(limit int) {
	s.keeping, s.limit, s.over = true, limit, false
	s.kept = append(s.kept[:0], s.head[:]...)
}

// Kept returns the body of the message that was kept, without its chunk sizes: a
// Structure in PackStream. It is false if that is the beginning only: the message was
// longer than the limit, or has not ended, or was not kept. The bytes are valid until
// the next Keep.
func (s *Scanner) Kept() ([]byte, bool) { return s.kept, s.keeping && !s.over && !s.told }

// Forget overwrites what was kept.
func (s *Scanner) Forget() {
	clear(s.kept[:cap(s.kept)])
	s.kept = s.kept[:0]
}

// Next reads on, and returns how many bytes of b it has read until the event. After
// More all of b is read.
func (s *Scanner) Next(b []byte) (int, Event) {
	for n := 0; ; {
		switch {
		case s.alien:
			return n, Alien
		case s.left > 0 && !s.told:
			if n == len(b) {
				return n, More
			}
			s.head[s.seen] = b[n]
			s.seen++
			s.left--
			n++
			if e := s.begun(); e != More {
				return n, e
			}
		case s.left > 0:
			if n == len(b) {
				return n, More
			}
			k := min(s.left, len(b)-n)
			s.keep(b[n : n+k])
			s.left -= k
			n += k
		default:
			if n == len(b) {
				return n, More
			}
			s.size[s.sized] = b[n]
			s.sized++
			n++
			if e := s.chunk(); e != More {
				return n, e
			}
		}
	}
}

// Skip passes over messages with tag t at the beginning of b, those that are whole and of
// one chunk, as Next would in many steps, and returns how many bytes that are. It does
// nothing within a message.
func (s *Scanner) Skip(b []byte, t Tag) int {
	if !s.Between() {
		return 0
	}
	n := 0
	for {
		m := b[n:]
		if len(m) < 6 || m[2]&0xF0 != 0xB0 || m[3] != byte(t) {
			break
		}
		end := 2 + int(m[0])<<8 + int(m[1])
		if end < 4 || len(m) < end+2 || m[end] != 0 || m[end+1] != 0 {
			break
		}
		s.head = [2]byte(m[2:4])
		s.keeping = false
		n += end + 2
	}
	return n
}

// begun is called after each of the first two bytes of a message: its marker and tag.
func (s *Scanner) begun() Event {
	switch {
	case s.seen == 1 && s.head[0]&0xF0 != 0xB0:
		s.alien = true
		return Alien
	case s.seen < 2:
		return More
	}
	s.told, s.keeping = true, false
	return Start
}

// chunk is called after each byte of a chunk's size.
func (s *Scanner) chunk() Event {
	if s.sized < 2 {
		return More
	}
	s.sized = 0
	s.left = int(s.size[0])<<8 | int(s.size[1])
	switch {
	case s.left > 0:
		return More
	case s.told:
		s.told, s.seen = false, 0
		return End
	case s.seen == 0:
		return Noop
	}
	s.alien = true // a message of one byte
	return Alien
}

func (s *Scanner) keep(b []byte) {
	if !s.keeping || s.over {
		return
	}
	room := max(0, s.limit-len(s.kept))
	s.over = len(b) > room
	s.kept = append(s.kept, b[:min(room, len(b))]...)
}
