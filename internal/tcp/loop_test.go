//go:build linux && !386

package tcp

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"
)

// echo is a Flow that writes back what it reads, and waits where it has to.
type echo struct {
	conn    net.Conn
	b       []byte
	left    []byte
	waited  int
	resting func()
}

func (e *echo) Room() []byte { return e.b }

func (e *echo) Take(n int) Next {
	k, err := Try(e.conn, e.b[:n])
	switch {
	case errors.Is(err, ErrWait):
		e.left = e.b[k:n]
		return Wait
	case err != nil:
		return Stop
	}
	return More
}

func (e *echo) Finish() Next {
	e.waited++
	if _, err := e.conn.Write(e.left); err != nil {
		return Stop
	}
	return More
}

// TestLoopServesOthersWhileOneWaits: one client sends and does not read; the others, on
// the same loop, have their answers.
func TestLoopServesOthersWhileOneWaits(t *testing.T) {
	var ls Loops
	defer ls.Close()
	slow, there := pair(t)
	l := ls.For(slow)
	e := &echo{conn: slow, b: make([]byte, 32<<10)}
	var all sync.WaitGroup
	all.Go(func() { _ = Stream(l, slow, e) })
	sent := bytes.Repeat([]byte("0123456789abcdef"), 1<<20) // 16 MiB: more than all buffers hold
	all.Go(func() {
		if _, err := there.Write(sent); err != nil {
			t.Error(err)
		}
		there.CloseWrite()
	})
	for range 8 {
		here, other := pair(t)
		all.Go(func() { _ = Stream(l, here, &echo{conn: here, b: make([]byte, 1024)}) })
		for range 50 {
			answer := make([]byte, 5)
			_ = other.SetDeadline(time.Now().Add(10 * time.Second))
			if _, err := other.Write([]byte("hello")); err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadFull(other, answer); err != nil || string(answer) != "hello" {
				t.Fatalf("%q, %v: others wait for the one that does not read", answer, err)
			}
		}
		other.Close()
	}
	got := make([]byte, len(sent))
	if _, err := io.ReadFull(there, got); err != nil || !bytes.Equal(got, sent) {
		t.Errorf("the slow one has got something else: %v", err)
	}
	all.Wait()
	if e.waited == 0 {
		t.Error("nothing had to wait: this has shown nothing")
	}
}

// TestLoopGivesEachItsShare: one that is never dry does not keep the loop.
func TestLoopGivesEachItsShare(t *testing.T) {
	var ls Loops
	defer ls.Close()
	busy, there := pair(t)
	l := ls.For(busy)
	var all sync.WaitGroup
	all.Go(func() { _, _ = gather(l, busy, 1, More) }) // a byte at a time
	all.Go(func() {
		for word := make([]byte, 1<<20); ; {
			if _, err := there.Write(word); err != nil {
				return
			}
		}
	})
	here, other := pair(t)
	all.Go(func() { _ = Stream(l, here, &echo{conn: here, b: make([]byte, 1024)}) })
	for range 100 {
		_ = other.SetDeadline(time.Now().Add(10 * time.Second))
		_, _ = other.Write([]byte("x"))
		if _, err := io.ReadFull(other, make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []net.Conn{other, here, busy, there} {
		c.Close()
	}
	all.Wait()
}

func TestLoopTellsOfAResetThatCameWithTheLastBytes(t *testing.T) {
	for range 100 {
		var ls Loops
		here, there := pair(t)
		_, _ = there.Write([]byte("a"))
		_ = there.SetLinger(0)
		there.Close()
		_ = here.SetReadDeadline(time.Now().Add(10 * time.Second)) // in vain
		if got, err := gather(ls.For(here), here, 8, Rest); !errors.Is(err, syscall.ECONNRESET) {
			t.Fatalf("got %q, %v", got, err)
		}
		ls.Close()
	}
}

func TestLoopObeysADeadlineThatIsToCome(t *testing.T) {
	var ls Loops
	defer ls.Close()
	for _, when := range []time.Duration{0, 20 * time.Millisecond} { // before it sleeps, and while it does
		here, there := pair(t)
		set := time.AfterFunc(when, func() { _ = here.SetReadDeadline(time.Now().Add(50 * time.Millisecond)) })
		go func() {
			time.Sleep(40 * time.Millisecond)
			_, _ = there.Write([]byte("a"))
		}()
		got, err := gather(ls.For(here), here, 8, More)
		if string(got) != "a" || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("set after %v: %q, %v; want a and the deadline", when, got, err)
		}
		set.Stop()
	}
}

// TestLoopGoesOnWithAnotherStream of the same connection, as a client that moves.
func TestLoopGoesOnWithAnotherStream(t *testing.T) {
	ls := Loops{After: 100} // it begins in the midst
	defer ls.Close()
	here, there := pair(t)
	l := ls.For(here)
	for i := range 200 {
		go func() {
			_, _ = there.Write([]byte{byte(i)})
			_ = here.SetReadDeadline(time.Unix(1, 0))
		}()
		var got []byte
		for len(got) == 0 {
			b, err := gather(l, here, 8, More)
			if !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Fatal(err)
			}
			got = b
			_ = here.SetReadDeadline(time.Time{})
			if len(got) == 0 { // the deadline was there first
				b := make([]byte, 1)
				if _, err := io.ReadFull(here, b); err != nil {
					t.Fatal(err)
				}
				got = b
			}
		}
		if len(got) != 1 || got[0] != byte(i) {
			t.Fatalf("stream %d has got %v", i, got)
		}
		_ = here.SetReadDeadline(time.Time{})
	}
}

// TestStreamsGoOnWithoutTheirLoop when it is closed.
func TestStreamsGoOnWithoutTheirLoop(t *testing.T) {
	var ls Loops
	var all sync.WaitGroup
	var others []*net.TCPConn
	for range 20 {
		here, there := pair(t)
		l := ls.For(here)
		all.Go(func() { _ = Stream(l, here, &echo{conn: here, b: make([]byte, 64)}) })
		others = append(others, there)
	}
	ask := func() {
		for _, c := range others {
			_ = c.SetDeadline(time.Now().Add(10 * time.Second))
			_, _ = c.Write([]byte("x"))
			if _, err := io.ReadFull(c, make([]byte, 1)); err != nil {
				t.Fatal(err)
			}
		}
	}
	ask()
	ls.Close()
	ask()
	if here, _ := pair(t); ls.For(here) != nil {
		t.Error("there is a loop after they were closed")
	}
	for _, c := range others {
		c.Close()
	}
	all.Wait()
}

// TestLoopForgetsWhatIsClosed: nothing is kept of a connection.
func TestLoopForgetsWhatIsClosed(t *testing.T) {
	var ls Loops
	defer ls.Close()
	var l *Loop
	for range 50 {
		here, there := pair(t)
		if l == nil {
			l = ls.For(here)
		}
		there.Close()
		_, _ = gather(l, here, 8, More)
		here.Close()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.turns) != 0 {
		t.Errorf("%d of 50 are still known", len(l.turns))
	}
}

func TestTryWritesWhatGoesWithoutWaiting(t *testing.T) {
	here, there := pair(t)
	much := bytes.Repeat([]byte("0123456789abcdef"), 4<<20)
	n, err := Try(here, much)
	if n == 0 || n == len(much) || !errors.Is(err, ErrWait) {
		t.Errorf("%d of %d, %v; want a part and ErrWait", n, len(much), err)
	}
	if m, err := Try(here, much[n:]); m != 0 || !errors.Is(err, ErrWait) {
		t.Errorf("then %d, %v; want nothing and ErrWait", m, err)
	}
	got := make([]byte, n)
	if _, err := io.ReadFull(there, got); err != nil || !bytes.Equal(got, much[:n]) {
		t.Errorf("something else has arrived: %v", err)
	}
	_ = here.SetWriteDeadline(time.Unix(1, 0))
	if n, err := Try(here, much); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("after a deadline: %d, %v", n, err)
	}
	here.Close()
	if n, err := Try(here, much); n != 0 || !errors.Is(err, net.ErrClosed) {
		t.Errorf("when it is closed: %d, %v", n, err)
	}
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	if n, err := Try(a, much); n != 0 || !errors.Is(err, ErrWait) {
		t.Errorf("of a pipe: %d, %v", n, err)
	}
}

// TestLoopObeysADeadlineSetWhileItPlays, which no poller knows of then.
func TestLoopObeysADeadlineSetWhileItPlays(t *testing.T) {
	var ls Loops
	defer ls.Close()
	here, there := pair(t)
	in, out := make(chan struct{}), make(chan struct{})
	r := &reader{b: make([]byte, 8), take: func(int) Next { in <- struct{}{}; <-out; return More }}
	ended := make(chan error, 1)
	go func() { ended <- Stream(ls.For(here), here, r) }()
	time.Sleep(50 * time.Millisecond) // it sleeps, and the loop reads
	_, _ = there.Write([]byte("a"))
	<-in
	_ = here.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	close(out)
	select {
	case err := <-ended:
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Error("it sleeps beyond its deadline")
		here.Close()
		<-ended
	}
}

// TestLoopForgetsWhatIsClosedAsItJoins: nothing is kept of a connection that another
// goroutine closes at that moment.
func TestLoopForgetsWhatIsClosedAsItJoins(t *testing.T) {
	var ls Loops
	defer ls.Close()
	var l *Loop
	for i := range 2000 {
		here, there := pair(t)
		if l == nil {
			l = ls.For(here)
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			_, _ = gather(l, here, 8, More)
		}()
		for range i % 400 {
			runtime.Gosched()
		}
		here.Close()
		<-done
		there.Close()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.turns) != 0 {
		t.Errorf("%d of 2000 are still known", len(l.turns))
	}
}

// TestLoopsCloseThoughTheyAreBusy: with streams that are never dry.
func TestLoopsCloseThoughTheyAreBusy(t *testing.T) {
	var ls Loops
	var l *Loop
	var all sync.WaitGroup
	var others []net.Conn
	for range 3 {
		here, there := pair(t)
		if l == nil {
			l = ls.For(here)
		}
		r := &reader{b: make([]byte, 4096), take: func(int) Next { return More }}
		all.Go(func() { _ = Stream(l, here, r) })
		all.Go(func() {
			for b := make([]byte, 1<<20); ; {
				if _, err := there.Write(b); err != nil {
					return
				}
			}
		})
		others = append(others, there)
	}
	time.Sleep(100 * time.Millisecond)
	closed := make(chan struct{})
	go func() { ls.Close(); close(closed) }()
	select {
	case <-closed:
	case <-time.After(10 * time.Second):
		t.Error("Close waits as long as streams are busy")
	}
	for _, c := range others {
		c.Close()
	}
	all.Wait()
	<-closed
}

// TestStreamReadsBehindUrgentData, where a read ends early.
func TestStreamReadsBehindUrgentData(t *testing.T) {
	eachWay(t, func(t *testing.T, ls *Loops) {
		here, there := pair(t)
		whole := make(chan struct{})
		var got []byte
		r := &reader{b: make([]byte, 64)}
		r.take = func(n int) Next {
			if got = append(got, r.b[:n]...); string(got) == "abcdef" {
				close(whole)
			}
			return Rest
		}
		go func() { _ = Stream(ls.of(here), here, r) }()
		time.Sleep(20 * time.Millisecond)
		raw, err := there.SyscallConn()
		if err != nil {
			t.Fatal(err)
		}
		_ = raw.Control(func(fd uintptr) { // all in one segment
			const cork = 3
			_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, cork, 1)
			_ = syscall.Sendto(int(fd), []byte("abc"), 0, nil)
			_ = syscall.Sendto(int(fd), []byte("!"), syscall.MSG_OOB, nil)
			_ = syscall.Sendto(int(fd), []byte("def"), 0, nil)
			_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, cork, 0)
		})
		select {
		case <-whole:
		case <-time.After(10 * time.Second):
			t.Error("what is behind urgent data was not read")
		}
		here.Close()
	})
}
