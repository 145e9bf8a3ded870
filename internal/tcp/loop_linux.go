//go:build !386

package tcp

import (
	"io"
	"net"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"
)

// Loops are as many loops as there are processors. Each begins when its turn has come. The
// zero value is ready.
type Loops struct {
	// After is how often a stream waits by itself before a loop reads for it: to have it do
	// so costs a system call.
	After int

	mu   sync.Mutex
	list []*Loop
	next int
	over bool // closed
}

// For returns the loop for a connection and those it has to do with: each in turn, so that
// all have as many. It returns nil if conn is not one that Brief has made, if the kernel
// has none to give, and after Close.
func (ls *Loops) For(conn net.Conn) *Loop {
	if _, ok := conn.(*Conn); !ok {
		return nil
	}
	ls.mu.Lock()
	defer ls.mu.Unlock()
	if ls.over {
		return nil
	}
	n := runtime.GOMAXPROCS(0)
	ls.next = (ls.next + 1) % n
	for len(ls.list) <= ls.next {
		l, err := newLoop(ls.After)
		if err != nil {
			return nil // this one reads for itself
		}
		ls.list = append(ls.list, l)
	}
	return ls.list[ls.next]
}

// Close ends the loops, and waits for that. A stream that is read by one goes on without.
func (ls *Loops) Close() {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	ls.over = true
	for _, l := range ls.list {
		l.closing.Store(true)
		l.file.Close()
		<-l.ended
	}
	ls.list = nil
}

// Loop reads from many connections on one goroutine, as an event loop does: what is done
// with what was read must not wait. A nil Loop reads from none.
//
// Go wakes a goroutine for each message otherwise, and with hundreds of busy connections
// that costs more than to read and write it. The loop waits for its own epoll as for any
// file, in package net's poller: with little to do it costs one system call a message.
type Loop struct {
	file    *os.File // an epoll
	raw     syscall.RawConn
	closing atomic.Bool
	ended   chan struct{}
	after   int // as After of Loops

	// Of run alone.
	events     [128]syscall.EpollEvent
	told       [128]*turn // of events
	more, turn []*turn    // have had their share, and more is there; and those whose turn it is again

	mu    sync.Mutex
	turns map[uint64]*turn // by what the kernel calls them; nil: it has ended
	last  uint64
}

func newLoop(after int) (*Loop, error) {
	fd, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	if err := syscall.SetNonblock(fd, true); err != nil { // or it would not be waited for in the poller
		syscall.Close(fd)
		return nil, os.NewSyscallError("fcntl", err)
	}
	l := &Loop{file: os.NewFile(uintptr(fd), "epoll"), ended: make(chan struct{}), after: after, turns: map[uint64]*turn{}}
	if l.raw, err = l.file.SyscallConn(); err != nil {
		l.file.Close()
		return nil, err
	}
	if err := l.file.SetReadDeadline(time.Time{}); err != nil { // it is not waited for in the poller
		l.file.Close()
		return nil, err
	}
	go l.run()
	return l, nil
}

// run reads until the loop is closed.
//
// All of it happens within one raw read, which never says that it is done: package net
// forgets that something has arrived when a read begins, and is told of each arrival once.
func (l *Loop) run() {
	defer close(l.ended)
	_ = l.raw.Read(func(fd uintptr) bool { // it fails when the file is closed
		for !l.closing.Load() {
			n := l.wait(fd)
			l.know(n)
			for i := range n {
				if t := l.told[i]; t != nil && t.take(l.events[i].Events) {
					l.play(t)
				}
				if i%16 == 15 {
					runtime.Gosched()
				}
			}
			clear(l.told[:n])
			l.more, l.turn = l.turn[:0], l.more
			for _, t := range l.turn {
				l.play(t)
			}
			clear(l.turn)
			// With more than one message at a time it is likely that others have come
			// meanwhile, and cheaper to ask than to be woken.
			if n < 2 && len(l.more) == 0 {
				return false
			}
			runtime.Gosched() // whoever else there is to run waits for that, or 10 ms
		}
		return true
	})
	l.mu.Lock()
	turns := l.turns
	l.turns = nil
	l.mu.Unlock()
	for _, t := range append(l.more, values(turns)...) {
		t.give(again, nil)
	}
}

func values(turns map[uint64]*turn) (list []*turn) {
	for _, t := range turns {
		list = append(list, t)
	}
	return list
}

// wait returns how many events there are, without waiting.
func (l *Loop) wait(fd uintptr) int {
	for {
		n, _, errno := syscall.RawSyscall6(syscall.SYS_EPOLL_PWAIT, fd, uintptr(unsafe.Pointer(&l.events[0])), uintptr(len(l.events)), 0, 0, 0)
		switch errno {
		case 0:
			return int(n)
		case syscall.EINTR:
		default:
			return 0
		}
	}
}

func (l *Loop) known(id uint64) *turn {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.turns[id]
}

// know finds out of whom the first n events tell.
func (l *Loop) know(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range l.events[:n] {
		e := &l.events[i]
		l.told[i] = l.turns[uint64(uint32(e.Fd))|uint64(uint32(e.Pad))<<32]
	}
}

// share is how often a connection is read from before others have their turn.
const share = 4

// play reads for t until nothing is there, it has had its share, or its goroutine is needed.
func (l *Loop) play(t *turn) {
	for {
		switch out, err := t.advance(share, t.conn.in.once); {
		case out == again:
			l.more = append(l.more, t)
			return
		case out != dry:
			t.give(out, err)
			return
		case t.conn.timed.Load():
			t.give(again, nil)
			return
		case t.rests():
			return
		}
	}
}

// join has l read from c from now on, whenever that is streamed. It reports false if it
// cannot.
func (l *Loop) join(c *Conn) bool {
	t := &c.turn
	l.mu.Lock()
	defer l.mu.Unlock()
	if joined := t.loop.Load(); joined != nil || l.turns == nil {
		return joined == l && l.turns != nil && l.turns[t.id] == t
	}
	l.last++
	t.id, t.wake = l.last, make(chan struct{}, 1)
	t.loop.Store(l)
	var err error
	failed := c.raw.Control(func(fd uintptr) {
		err = l.control(func(epoll uintptr) error {
			return syscall.EpollCtl(int(epoll), syscall.EPOLL_CTL_ADD, int(fd), &syscall.EpollEvent{
				Events: syscall.EPOLLIN | syscall.EPOLLPRI | syscall.EPOLLRDHUP | edge, Fd: int32(uint32(t.id)), Pad: int32(uint32(t.id >> 32)),
			})
		})
	})
	if failed != nil || err != nil {
		t.loop.Store(nil)
		return false
	}
	l.turns[t.id] = t
	return true
}

// edge has the kernel tell of each arrival once.
const edge = 1 << 31

func (l *Loop) control(do func(fd uintptr) error) (err error) {
	if failed := l.raw.Control(func(fd uintptr) { err = do(fd) }); failed != nil {
		return failed
	}
	return err
}

// turn is a connection of which a loop reads. Who reads at the moment is whose turn it is.
type turn struct {
	mu     sync.Mutex
	whose  whose
	notice bool // something has happened since whose turn it is has looked
	out    outcome
	final  atomic.Bool // the other side has said its last word, or something urgent: less than there is room for may not be all
	conn   *Conn
	flow   Flow // of whose turn it is
	err    error

	loop atomic.Pointer[Loop] // nil: none reads
	id   uint64
	wake chan struct{} // tells the stream's goroutine that it is its turn
	idle int           // how often the stream has waited
}

type whose uint8

const (
	stream whose = iota // its own goroutine's
	nobody              // whoever is told first that something has arrived
	loop
)

// outcome is how reading has gone.
type outcome uint8

const (
	again outcome = iota // there may be more
	dry                  // nothing is there
	wait                 // Finish has to be called
	done                 // the stream is over
)

// stream implements Stream.
func (t *turn) stream(l *Loop, f Flow) error {
	h := &t.conn.in
	h.mu.Lock()
	defer h.mu.Unlock()
	t.flow = f
	defer func() { t.flow = nil }()
	for out, err := again, error(nil); ; {
		switch out {
		case again:
			out, err = t.advance(share, h.once)
		case wait:
			if f.Finish() == Stop {
				return nil
			}
			out = again
		case done:
			return err
		case dry:
			out, err = t.sleep(l)
		}
	}
}

// sleep waits until something is for the stream's goroutine to do.
func (t *turn) sleep(l *Loop) (outcome, error) {
	t.idle++
	if t.idle <= l.after || t.conn.timed.Load() || !l.join(t.conn) {
		return t.advance(1, t.conn.in.try) // the poller knows of deadlines
	}
	t.mu.Lock()
	if t.notice {
		t.notice = false
		t.mu.Unlock()
		return again, nil
	}
	t.whose = nobody
	t.mu.Unlock()
	<-t.wake
	return t.out, t.err
}

// advance reads with read, times times at most, as long as something is there.
func (t *turn) advance(times int, read func(uintptr) bool) (outcome, error) {
	c, h := t.conn, &t.conn.in
	for range times {
		room := t.flow.Room()
		h.b, h.errno, h.full = room, 0, false
		err := c.raw.Read(read)
		h.b = nil
		switch {
		case err != nil:
			return done, err
		case h.full:
			return dry, nil
		case h.errno != 0:
			return done, c.fail("read", os.NewSyscallError("recvfrom", h.errno))
		case h.n == 0:
			return done, io.EOF
		}
		switch t.flow.Take(h.n) {
		case Stop:
			return done, nil
		case Wait:
			return wait, nil
		}
		if h.n < len(room) && !t.final.Load() { // then nothing is left (epoll(7)), but behind urgent data: what comes is told
			return dry, nil
		}
	}
	return again, nil
}

// take reports whether the loop is to read, of which events have told.
func (t *turn) take(events uint32) bool {
	if events&(syscall.EPOLLPRI|syscall.EPOLLRDHUP|syscall.EPOLLHUP|syscall.EPOLLERR) != 0 {
		t.final.Store(true)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.whose != nobody {
		t.notice = true
		return false
	}
	t.whose = loop
	return true
}

// rests reports whether the loop has nothing more to read.
func (t *turn) rests() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.notice {
		t.notice = false
		return false
	}
	t.whose = nobody
	return true
}

// give has the stream's goroutine go on, unless it is awake already.
func (t *turn) give(out outcome, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.whose == stream {
		t.notice = true
		return
	}
	t.whose, t.out, t.err = stream, out, err
	t.wake <- struct{}{} // it sleeps: there is room
}

// poke has whose turn it is look again, because of a deadline or because the connection was
// closed.
func (t *turn) poke() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.whose != nobody {
		t.notice = true
		return
	}
	t.whose, t.out, t.err = stream, again, nil
	t.wake <- struct{}{}
}

// leave has the loop forget the connection, which is about to be closed.
func (t *turn) leave() {
	l := t.loop.Load()
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.turns, t.id)
}
