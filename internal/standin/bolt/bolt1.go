package bolt

import (
	"context"
	"fmt"
)

// Bolt 1 is what remains when the maps of Bolt 4 are taken away: INIT(agent,
// auth), RUN(query, parameters), PULL_ALL() and DISCARD_ALL() with the tags of
// their successors, and ACK_FAILURE() to leave a FAILURE. There are neither
// transaction messages nor GOODBYE (source of 3.6).

// initialize answers INIT, which introduces and authenticates at once.
func (c *conn) initialize(ctx context.Context, m Structure) error {
	if m.Tag != msgHello {
		return c.unexpected(m)
	}
	if err := c.exactly(m, 2); err != nil {
		return err
	}
	agent, err := m.text(0)
	if err != nil {
		return err
	}
	auth, err := m.dict(1)
	if err != nil {
		return err
	}
	c.introduce(agent, auth)
	if err := c.authenticate(auth); err != nil {
		return err
	}
	return c.open(ctx)
}

// acknowledge answers ACK_FAILURE in stateFailed: nothing is rolled back that
// the failure has not ended itself.
func (c *conn) acknowledge() error {
	c.state = stateIdle
	return c.succeed(nil)
}

// exactly reports a message that does not have its n fields. Only Bolt 1 is
// so strict here.
func (c *conn) exactly(m Structure, n int) error {
	if c.version.Major > 1 || len(m.Fields) == n {
		return nil
	}
	return fmt.Errorf("%w: message 0x%02X with %d fields, not %d", errGarbage, m.Tag, len(m.Fields), n)
}
