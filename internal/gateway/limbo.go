package gateway

import (
	"errors"
	"io"
	"net"

	"memgraph-controller/internal/bolt"
)

// What a driver is told. It is the second part of a code that drivers go by: they repeat
// what fails with a TransientError, and nothing that fails with a ClientError.
const (
	codeMoved   = "Memgraph.TransientError.Failover.TransactionLost"
	codeUnknown = "Memgraph.ClientError.Failover.CommitOutcomeUnknown"
	codeHeld    = "Memgraph.TransientError.Failover.NoMain"
	codeRouting = "Memgraph.ClientError.Routing.Malformed"

	textMoved   = "The transaction has ended with the server it was open on: nothing of it was committed. It may be tried again."
	textUnknown = "The server has ended before it answered COMMIT: the transaction is committed as a whole, or not at all. Look before you try again."
	textHeld    = "There is no MAIN to lead to at the moment. It may be tried again."
)

var errGone = errors.New("the client has said goodbye")

func failure(code, text string) []byte {
	return bolt.AppendMessage(nil, bolt.Failure, map[string]any{"code": code, "message": text})
}

// verdict is what becomes of a session whose server has gone.
type verdict uint8

const (
	ended  verdict = iota // it is closed: what its client would be told is that nothing is known
	moves                 // it goes on at another server
	fails                 // nothing of what was open is kept, and the client is told so
	doubts                // a COMMIT may have taken effect or not, and the client is told so
)

// judge says what becomes of the session, after a visit to a replica or to MAIN. Whoever
// carried it has returned. A replica commits nothing: what was asked of it may be asked
// again.
func (t *talk) judge(replica bool) verdict {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.over || t.gone || !t.down.Between() || t.version == (bolt.Version{}) {
		return ended
	}
	switch t.conv.Standing() {
	case bolt.Idle:
		return moves
	case bolt.Failed:
		return fails // it has been told already, and will reset
	case bolt.Early:
		if t.conv.Waiting() == 0 {
			return moves
		}
		return fails
	case bolt.Open:
		return fails
	case bolt.Uncertain:
		switch {
		case replica:
			return fails
		case t.conv.Commits():
			return doubts
		}
	}
	return ended
}

// limbo answers a client whose transaction has ended with its server, until it has done
// with that: it resets the session, or rolls back. Then the session is as good as new.
func (t *talk) limbo(client net.Conn, code, text string) error {
	t.mu.Lock()
	waiting, failed := t.conv.Waiting(), t.conv.Standing() == bolt.Failed
	t.conv.Clear()
	t.tables = nil // nobody asks for them any more
	t.mu.Unlock()
	for range waiting {
		if err := t.reply(client, &failed, code, text); err != nil {
			return err
		}
	}
	for {
		tag, err := t.nextRequest(client)
		switch {
		case err != nil:
			return err
		case tag == bolt.Goodbye:
			return errGone
		case tag == bolt.Reset, tag == bolt.Rollback && !failed:
			_, err := client.Write(bolt.AppendMessage(nil, bolt.Success, map[string]any{}))
			return err
		}
		if err := t.reply(client, &failed, code, text); err != nil {
			return err
		}
	}
}

// reply fails the first request, and ignores those after it.
func (t *talk) reply(client net.Conn, failed *bool, code, text string) error {
	m := bolt.AppendMessage(nil, bolt.Ignored)
	if !*failed {
		m = failure(code, text)
	}
	*failed = true
	_, err := client.Write(m)
	return err
}

// nextRequest reads one request to its end, and passes none of it on.
func (t *talk) nextRequest(client net.Conn) (bolt.Tag, error) {
	for {
		for t.seen < len(t.in) {
			n, e := t.up.Next(t.in[t.seen:])
			t.seen += n
			switch e {
			case bolt.End:
				t.held, t.whole = false, false
				t.drop(t.seen)
				return t.up.Tag(), nil
			case bolt.Alien:
				return 0, errAlien
			}
		}
		t.drop(t.seen)
		if err := t.read(client); err != nil {
			return 0, err
		}
	}
}

// refuse tells a client that nobody is there for it, in its own words: it has proposed
// versions, and nothing else.
func (t *talk) refuse(client net.Conn, known bolt.Version) {
	v := t.version
	if v == (bolt.Version{}) {
		v = t.proposals.Choose(func(v bolt.Version) bool {
			return v.Understood() && (v.Major < known.Major || v.Major == known.Major && v.Minor <= known.Minor)
		})
		if v == (bolt.Version{}) {
			return
		}
		answer := v.Answer()
		if _, err := client.Write(answer[:]); err != nil {
			return
		}
	}
	if _, err := t.nextRequest(client); err != nil {
		return
	}
	if _, err := client.Write(failure(codeHeld, textHeld)); err != nil {
		return
	}
	linger(client)
}

// linger ends a connection so that what was said last is read: closed with something
// unread it would be torn down, and what was sent with it.
func linger(client net.Conn) {
	if closeWrite(client) {
		_, _ = io.CopyN(io.Discard, client, 64<<10) // until the client closes, or its deadline
	}
}
