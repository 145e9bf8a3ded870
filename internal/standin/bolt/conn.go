package bolt

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// handshakeTimeout is how long a peer may take from connecting until it is
// authenticated.
const handshakeTimeout = 10 * time.Second

// state is where a connection stands between two messages.
type state int

const (
	stateInit   state = iota // waits for INIT or HELLO, or from Bolt 5 on LOGON
	stateIdle                // ready for RUN, BEGIN, COMMIT, ROLLBACK, ROUTE
	stateResult              // a result waits for PULL or DISCARD
	stateFailed              // ignores all but RESET, and in Bolt 1 ACK_FAILURE
)

// Reasons to end a connection that are not faults.
var (
	errGoodbye = errors.New("client said goodbye")
	errRefused = errors.New("client was refused")
)

// conn serves one connection. One goroutine owns it.
type conn struct {
	*transport
	server  *Server
	release release
	version Version
	state   state
	hello   Hello
	greeted bool    // HELLO was answered
	session Session // nil before authentication and after LOGOFF

	explicit bool   // inside BEGIN ... COMMIT
	queries  int64  // RUNs in the explicit transaction, which number its results
	result   Result // open in stateResult only
	ahead    []any  // a row of result that was fetched but not sent
	hasAhead bool
}

// serve talks until the peer goes or errs. The error says why it ended.
func (c *conn) serve(ctx context.Context) error {
	defer c.hangUp()
	if err := c.conn.SetDeadline(time.Now().Add(handshakeTimeout)); err != nil {
		return err
	}
	var err error
	if c.version, err = c.shakeHands(c.release); err != nil {
		return err
	}
	for {
		data, err := c.read()
		if err == nil {
			err = c.handle(ctx, data)
		}
		switch {
		case ctx.Err() != nil: // the server is gone, and says nothing more
			return context.Cause(ctx)
		case err != nil:
			return c.farewell(err)
		}
	}
}

// hangUp ends the session, in which an open transaction leaves no trace.
func (c *conn) hangUp() {
	c.closeResult()
	if c.session != nil {
		c.session.Close()
		c.session = nil
	}
}

// farewell sends the FAILURE that Memgraph sends before it hangs up on a peer
// it does not understand, and returns err.
func (c *conn) farewell(err error) error {
	if errors.Is(err, errGarbage) || errors.Is(err, errTooLong) {
		message := "Something went wrong while executing the query! Check the server logs for more details."
		if errors.Is(err, errTooLong) {
			message = err.Error()
		}
		_ = c.write(msgFailure, c.version.Major, failureMap(CodeExecution, message)) // the peer may be gone
	}
	_ = c.w.Flush()
	return err
}

func failureMap(code, message string) map[string]any {
	return map[string]any{"code": code, "message": message}
}

// handle answers one message. An error ends the connection.
func (c *conn) handle(ctx context.Context, data []byte) error {
	m, err := parseMessage(data)
	if err != nil {
		return err
	}
	if m.Tag == msgGoodbye && c.version.Major > 1 {
		return errGoodbye
	}
	switch c.state {
	case stateInit:
		return c.greet(ctx, m)
	case stateFailed:
		switch {
		case m.Tag == msgReset:
			return c.reset(ctx)
		case m.Tag == msgAck && c.version.Major == 1:
			return c.acknowledge()
		}
		return c.write(msgIgnored, c.version.Major)
	case stateResult:
		return c.stream(ctx, m)
	}
	return c.request(ctx, m)
}

// request answers a message in stateIdle.
func (c *conn) request(ctx context.Context, m Structure) error {
	switch {
	case m.Tag == msgRun:
		return c.run(ctx, m)
	case m.Tag == msgReset:
		return c.reset(ctx)
	case c.version.Major == 1: // no more in Bolt 1
	case m.Tag == msgBegin:
		return c.begin(ctx, m)
	case m.Tag == msgCommit:
		c.explicit = false
		return c.answer(c.session.Commit(ctx))
	case m.Tag == msgRollback:
		c.explicit = false
		return c.answer(c.session.Rollback(ctx))
	case m.Tag == msgRoute && (c.version.Major >= 5 || c.version.Minor >= 3):
		return c.route(ctx, m)
	case m.Tag == msgLogoff && c.version.Major >= 5:
		return c.logoff()
	}
	return c.unexpected(m)
}

// stream answers a message while a result is open.
func (c *conn) stream(ctx context.Context, m Structure) error {
	switch m.Tag {
	case msgPull:
		return c.pull(ctx, m, true)
	case msgDiscard:
		return c.pull(ctx, m, false)
	case msgReset:
		return c.reset(ctx)
	}
	return c.unexpected(m)
}

func (c *conn) unexpected(m Structure) error {
	return fmt.Errorf("%w: message 0x%02X in state %d", errGarbage, m.Tag, c.state)
}

// answer sends SUCCESS, or FAILURE for err.
func (c *conn) answer(err error) error {
	if err != nil {
		return c.fail(err)
	}
	return c.succeed(nil)
}

func (c *conn) succeed(meta map[string]any) error {
	return c.write(msgSuccess, c.version.Major, orEmpty(meta))
}

// orEmpty makes a missing map an empty one, which is what peers expect.
func orEmpty(meta map[string]any) map[string]any {
	if meta == nil {
		return map[string]any{}
	}
	return meta
}

// fail sends FAILURE; everything is ignored then until RESET (or ACK_FAILURE).
func (c *conn) fail(err error) error {
	if broken, ok := errors.AsType[*brokenError](err); ok {
		return broken
	}
	c.closeResult()
	c.state = stateFailed
	code, message := failure(err)
	return c.write(msgFailure, c.version.Major, failureMap(code, message))
}

func (c *conn) reset(ctx context.Context) error {
	c.closeResult()
	c.explicit = false
	c.session.Reset(ctx)
	c.state = stateIdle
	return c.succeed(nil)
}

func (c *conn) begin(ctx context.Context, m Structure) error {
	meta, err := m.dict(0)
	if err != nil {
		return err
	}
	if err := c.session.Begin(ctx, meta); err != nil {
		return c.fail(err)
	}
	c.explicit, c.queries = true, 0
	return c.succeed(nil)
}

func (c *conn) run(ctx context.Context, m Structure) error {
	if err := c.exactly(m, 2); err != nil {
		return err
	}
	query, err := m.text(0)
	if err != nil {
		return err
	}
	params, err := m.dict(1)
	if err != nil {
		return err
	}
	meta, err := m.dict(2)
	if err != nil {
		return err
	}
	if tag, found := foreign(params); found {
		return c.fail(ClientError(fmt.Sprintf("Parameters of structure type 0x%02X are not supported.", tag)))
	}
	result, err := c.session.Run(ctx, query, params, meta)
	if err != nil {
		return c.fail(err)
	}
	c.result, c.state = result, stateResult
	reply := map[string]any{"fields": result.Fields()}
	if c.explicit {
		reply["qid"] = c.queries
		c.queries++
	}
	return c.succeed(reply)
}

func (c *conn) closeResult() {
	if c.result != nil {
		c.result.Close()
	}
	c.result, c.ahead, c.hasAhead = nil, nil, false
}

// pull answers PULL, or DISCARD when the rows are not wanted.
func (c *conn) pull(ctx context.Context, m Structure, wanted bool) error {
	if err := c.exactly(m, 0); err != nil {
		return err
	}
	meta, err := m.dict(0)
	if err != nil {
		return err
	}
	n, err := integer(meta, "n", -1)
	if err != nil {
		return err
	}
	qid, err := integer(meta, "qid", -1)
	if err != nil {
		return err
	}
	if qid != -1 && (!c.explicit || qid != c.queries-1) {
		return c.fail(ClientError("Query with specified ID does not exist!"))
	}
	more, err := c.rows(ctx, n, wanted)
	switch {
	case err != nil:
		return c.fail(err)
	case more:
		return c.succeed(map[string]any{"has_more": true})
	}
	summary := orEmpty(c.result.Summary())
	summary["has_more"] = false
	c.closeResult()
	c.state = stateIdle
	return c.succeed(summary)
}

// next returns the row that was fetched ahead, or the next of the result.
func (c *conn) next(ctx context.Context) (row []any, ok bool, err error) {
	if !c.hasAhead {
		return c.result.Next(ctx)
	}
	row, c.ahead, c.hasAhead = c.ahead, nil, false
	return row, true, nil
}

// rows takes up to n rows (all, if negative) and sends them if wanted. It
// reports whether there are more, for which it fetches one row ahead.
func (c *conn) rows(ctx context.Context, n int64, wanted bool) (more bool, err error) {
	for sent := int64(0); ; sent++ {
		row, ok, err := c.next(ctx)
		if err != nil || !ok {
			return false, err
		}
		if n >= 0 && sent >= n {
			c.ahead, c.hasAhead = row, true
			return true, nil
		}
		if !wanted {
			continue
		}
		if err := c.write(msgRecord, c.version.Major, row); err != nil {
			return false, err
		}
	}
}
