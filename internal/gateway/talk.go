package gateway

import (
	"sync"
	"time"

	"memgraph-controller/internal/bolt"
)

// How much of a message is kept.
const (
	keptLogin  = 16 << 10 // of HELLO and LOGON, for the next server
	keptRoute  = 16 << 10
	keptQuery  = 256
	keptResult = 4 << 10 // of the SUCCESS at the end of a result
)

// talk is what the gateway knows of a client's Bolt session. It outlives the servers
// that the session is led to.
type talk struct {
	// Of copyToServer, and of whoever comes after it.
	up    bolt.Scanner
	in    []byte // read from the client and not passed on
	seen  int    // in[:seen] went through up
	begin int    // where in in the message begins that up is in
	held  bool   // its first bytes are in in, and it was not asked yet
	whole bool   // it is passed on, or answered, when it is whole
	busy  bool   // the last read has filled a buffer
	gone  bool   // the client has ended its side

	// Of copyToClient, and of whoever comes after it.
	down bolt.Scanner

	mu     sync.Mutex
	speaks bool      // something that is answered already is still being written to the client
	over   bool      // it ends with its server, whatever it was doing
	tables [][]byte  // answers to ROUTE whose turn has not come
	since  time.Time // when what is not answered at all yet was asked; zero if nothing is
	asked  time.Time // when what is not answered to the end yet was asked
	conv   bolt.Conversation

	proposals bolt.Proposals
	version   bolt.Version // agreed upon; zero until then
	hello     []byte       // as it came
	logon     []byte       // as it came; empty while there is none
}

// standing says how the session stands.
func (t *talk) standing() bolt.Standing {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.over {
		return bolt.Opaque
	}
	return t.conv.Standing()
}

// boundary reports whether what the client asks next is the beginning of something.
func (t *talk) boundary() bool {
	switch t.standing() {
	case bolt.Early, bolt.Idle, bolt.Bound, bolt.Failed:
		return true
	default:
		return false
	}
}

// asksNothing reports whether the client has said nothing that was not passed on. Whoever
// read from it has returned.
func (t *talk) asksNothing() bool { return len(t.in) == 0 }

func (t *talk) ask(tag bolt.Tag) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.conv.Waiting() == 0 {
		t.since = time.Now()
		t.asked = t.since
	}
	t.conv.Ask(tag)
}

// waited returns how long the first answer, which is there now, has taken to what was
// asked; 0 if an answer has been there before.
func (t *talk) waited(now time.Time) (d time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.since.IsZero() {
		d = now.Sub(t.since)
		t.since = time.Time{}
	}
	return d
}

// hear reads on in what the server says, as Next of a Scanner does. Whole records are
// passed over at once, as if one of them had begun: of a large result they are all there is.
func (t *talk) hear(b []byte) (int, bolt.Event) {
	if n := t.down.Skip(b, bolt.Record); n > 0 {
		return n, bolt.Start
	}
	return t.down.Next(b)
}

// outstanding reports whether something that was passed on is not answered to the end.
func (t *talk) outstanding() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.conv.Waiting() > 0
}

// answered notes an answer that is about to be passed on: until spoken nobody else says
// anything to the client. It returns what the gateway itself has to say after it; and if
// nothing else waits for an answer, how long all that took, 0 otherwise.
func (t *talk) answered(tag bolt.Tag, now time.Time) (own []byte, took time.Duration) {
	more := false
	if tag == bolt.Success {
		if body, whole := t.down.Kept(); whole {
			more, _ = bolt.Peek(body, "has_more")
		} else {
			more = true // it is not known that there is not
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.speaks = true
	if _, expected := t.conv.Answer(tag, more); expected && t.conv.Waiting() == 0 {
		took = now.Sub(t.asked)
	}
	return t.due(), took
}

// spoken says that all of it was passed on, and returns what the gateway itself has to say
// now; if that is nothing, others may speak.
func (t *talk) spoken() []byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	own := t.due()
	t.speaks = len(own) > 0
	return own
}

// sayDue writes what the gateway itself has to say once all else is passed on, and what
// comes due meanwhile.
func (t *talk) sayDue(write func([]byte) error) error {
	for own := t.spoken(); len(own) > 0; own = t.spoken() {
		if err := write(own); err != nil {
			return err
		}
	}
	return nil
}

// giveUp has the session end with its server: the client has a part of an answer, and
// will not get the rest, or is not to be listened to any longer.
func (t *talk) giveUp() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.over = true
}

// forget overwrites what the client has told of itself.
func (t *talk) forget() {
	t.up.Forget()
	clear(t.hello[:cap(t.hello)])
	clear(t.logon[:cap(t.logon)])
	clear(t.in[:cap(t.in)])
}
