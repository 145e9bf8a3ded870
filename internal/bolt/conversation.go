package bolt

// pipeline bounds how many requests may wait for their answers; the official drivers
// send four or five at a time.
const pipeline = 256

// Standing says what may be done with a session whose server is about to go, or gone.
type Standing uint8

// How a session may stand.
const (
	// Opaque: it is not understood. Nothing can be said of what was asked.
	Opaque Standing = iota
	// Early: the client has not logged in. Nothing was asked.
	Early
	// Idle: nothing is outstanding and nothing open, and another server would answer
	// what comes next as this one would.
	Idle
	// Bound: as Idle, but the session was changed by what was asked in it.
	Bound
	// Open: a transaction is open, and its COMMIT has not been sent. Nothing of it will
	// ever be there: it may be repeated.
	Open
	// Uncertain: a COMMIT, or a statement without a transaction, was sent and has not
	// been answered to the end. It may be there or not.
	Uncertain
	// Failed: the server has said FAILURE, and the client has not reset yet.
	Failed
)

// String names the standing as a metric does.
func (s Standing) String() string {
	return [...]string{"opaque", "early", "idle", "bound", "open", "uncertain", "failed"}[s]
}

// asked is a request that was sent, and what it was about.
type asked struct {
	tag  Tag
	auto bool // a RUN, PULL or DISCARD outside of a transaction
}

// Conversation follows one session. Its zero value is one that has agreed on a version
// and said nothing. It is not safe for use by several goroutines.
type Conversation struct {
	first   uint16 // of queue
	waiting uint16
	begun   int32 // BEGIN that are on their way
	streams int32 // results that were begun and not read to the end

	in      bool // logged in
	tx      bool // a transaction is open, as the server has confirmed
	auto    bool // one of streams is outside of a transaction
	failed  bool
	changed bool
	opaque  bool

	queue [pipeline]asked // a ring; last, so that what is looked at each time lies together
}

// at returns the request that waits behind i others.
func (c *Conversation) at(i uint16) asked { return c.queue[(c.first+i)%pipeline] }

// Blur gives up on understanding the session, for good.
func (c *Conversation) Blur() { c.opaque = true }

// Standing says how the session stands.
func (c *Conversation) Standing() Standing {
	switch {
	case c.opaque:
		return Opaque
	case c.uncertain():
		return Uncertain
	case !c.in:
		return Early
	case c.tx || c.begun > 0:
		return Open
	case c.waiting > 0 || c.streams > 0:
		return Open // RESET, LOGON and their like: nothing that is kept
	case c.failed:
		return Failed
	case c.changed:
		return Bound
	}
	return Idle
}

// uncertain reports whether something was sent that may have taken effect, and was not
// answered. After a FAILURE the server ignores what follows until a RESET.
func (c *Conversation) uncertain() bool {
	if c.auto {
		return true
	}
	ignored := c.failed
	for i := range c.waiting {
		q := c.at(i)
		switch {
		case q.tag == Reset:
			ignored = false
		case ignored:
		case q.tag == Commit, q.tag == Run && q.auto:
			return true
		}
	}
	return false
}

// Commits reports whether a COMMIT waits for its answer.
func (c *Conversation) Commits() bool {
	for i := range c.waiting {
		if c.at(i).tag == Commit {
			return true
		}
	}
	return false
}

// Ignores reports whether what is asked next is ignored: the server has said FAILURE, and
// no RESET was answered since.
func (c *Conversation) Ignores() bool { return c.failed }

// Clear makes the session one that has logged in and asked for nothing since: whoever
// answers in the server's place has done so.
func (c *Conversation) Clear() { *c = Conversation{in: c.in, changed: c.changed, opaque: c.opaque} }

// Change notes that the session was changed by what was asked.
func (c *Conversation) Change() { c.changed = true }

// Waiting is how many requests were sent and not answered.
func (c *Conversation) Waiting() int { return int(c.waiting) }

// Next is the request that will be answered next; false if none waits.
func (c *Conversation) Next() (Tag, bool) {
	if c.waiting == 0 {
		return 0, false
	}
	return c.at(0).tag, true
}

// Ask notes a request that is sent.
func (c *Conversation) Ask(t Tag) {
	q := asked{tag: t}
	switch t {
	case Run, Pull, Discard:
		q.auto = !c.inside()
	case Begin:
		c.begun++
	case Goodbye:
		return // is not answered
	case Hello, Reset, Commit, Rollback, Telemetry, Route, Logon, Logoff:
	default:
		c.Blur()
	}
	if c.waiting == pipeline {
		c.Blur()
		return
	}
	c.queue[(c.first+c.waiting)%pipeline] = q
	c.waiting++
}

// inside reports whether a request that is sent now is one within a transaction, if all
// before it succeed.
func (c *Conversation) inside() bool {
	tx := c.tx
	for i := range c.waiting {
		switch c.at(i).tag {
		case Begin:
			tx = true
		case Commit, Rollback, Reset:
			tx = false
		}
	}
	return tx
}

// Answer notes an answer. more says of the SUCCESS of a PULL or DISCARD whether there is
// more of that result. It returns the request that was answered; false for a RECORD, and
// for an answer to nothing.
func (c *Conversation) Answer(t Tag, more bool) (Tag, bool) {
	if t == Record {
		return 0, false
	}
	if c.waiting == 0 {
		c.Blur()
		return 0, false
	}
	q := c.at(0)
	c.first = (c.first + 1) % pipeline
	if c.waiting--; c.waiting == 0 {
		c.first = 0 // as a rule little is asked at a time: always the same few bytes
	}
	if q.tag == Begin {
		c.begun--
	}
	switch t {
	case Success:
		c.succeeded(q, more)
	case Failure:
		c.failed, c.tx, c.streams, c.auto = true, false, 0, false
	case Ignored:
	default:
		c.Blur()
	}
	return q.tag, true
}

func (c *Conversation) succeeded(q asked, more bool) {
	switch q.tag {
	case Hello, Logon:
		c.in = true
	case Logoff:
		c.in = false
	case Begin:
		c.tx = true
	case Commit, Rollback:
		c.tx, c.streams = false, 0
	case Reset:
		c.failed, c.tx, c.streams, c.auto = false, false, 0, false
	case Run:
		c.streams++
		c.auto = c.auto || q.auto
	case Pull, Discard:
		if !more && c.streams > 0 {
			c.streams--
		}
		if c.streams == 0 {
			c.auto = false
		}
	}
}
