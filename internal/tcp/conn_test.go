//go:build linux && !386

package tcp

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
	"unsafe"
)

// pair returns both ends of a connection, the first of them brief.
func pair(t *testing.T) (net.Conn, *net.TCPConn) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	there, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	here, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { here.Close(); there.Close() })
	return Brief(here), there.(*net.TCPConn)
}

func TestBriefMovesEveryByteAndTheEnd(t *testing.T) {
	here, there := pair(t)
	sent := bytes.Repeat([]byte("0123456789abcdef"), 1<<18) // 4 MiB: more than both buffers hold
	var both sync.WaitGroup
	both.Go(func() { // an echo, which ends when it has heard the end
		if _, err := io.CopyBuffer(struct{ io.Writer }{there}, struct{ io.Reader }{there}, make([]byte, 4096)); err != nil {
			t.Error(err)
		}
		there.CloseWrite()
	})
	both.Go(func() {
		for rest := sent; len(rest) > 0; {
			k := min(len(rest), 300_000)
			if n, err := here.Write(rest[:k]); n != k || err != nil {
				t.Errorf("wrote %d of %d: %v", n, k, err)
				return
			}
			rest = rest[k:]
		}
		if err := here.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
			t.Error(err)
		}
	})
	got, err := io.ReadAll(here)
	if err != nil || !bytes.Equal(got, sent) {
		t.Errorf("%d bytes came back, %v; want the %d that were sent, and the end", len(got), err, len(sent))
	}
	both.Wait()
	if n, err := here.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
		t.Errorf("a read after the end: %d, %v", n, err)
	}
}

func TestBriefObeysDeadlines(t *testing.T) {
	here, _ := pair(t)
	late := time.AfterFunc(20*time.Millisecond, func() { _ = here.SetReadDeadline(time.Unix(1, 0)) })
	defer late.Stop()
	if n, err := here.Read(make([]byte, 1)); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a read under way at its deadline: %d, %v", n, err)
	}
	much := make([]byte, 64<<20)
	if err := here.SetWriteDeadline(time.Now().Add(200 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	n, err := here.Write(much) // nobody reads it
	var timeout net.Error
	if n == 0 || n == len(much) || !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Errorf("a write that nobody reads: %d of %d, %v; want a part and a timeout", n, len(much), err)
	}
	if m, err := here.Write(much); m != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a write after its deadline: %d, %v", m, err)
	}
}

func TestBriefEndsWhenClosed(t *testing.T) {
	here, _ := pair(t)
	time.AfterFunc(20*time.Millisecond, func() { here.Close() })
	if n, err := here.Read(make([]byte, 1)); n != 0 || !errors.Is(err, net.ErrClosed) {
		t.Errorf("a read when the connection was closed: %d, %v", n, err)
	}
	if n, err := here.Write([]byte("x")); n != 0 || !errors.Is(err, net.ErrClosed) {
		t.Errorf("a write after that: %d, %v", n, err)
	}
}

func TestBriefTellsOfAReset(t *testing.T) {
	here, there := pair(t)
	if err := there.SetLinger(0); err != nil {
		t.Fatal(err)
	}
	there.Close()
	_, err := here.Read(make([]byte, 1))
	var op *net.OpError
	if !errors.Is(err, syscall.ECONNRESET) || !errors.As(err, &op) || op.Op != "read" || op.Addr == nil {
		t.Errorf("a read from a connection that was reset: %v", err)
	}
	if _, err := here.Write([]byte("x")); !errors.Is(err, syscall.EPIPE) && !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("a write to it: %v", err)
	}
}

func TestBriefTakesWritesFromMany(t *testing.T) {
	here, there := pair(t)
	const writers, words, size = 4, 20, 1 << 20 // the kernel takes no word whole
	var all sync.WaitGroup
	for i := range writers {
		all.Go(func() {
			word := bytes.Repeat([]byte{byte('a' + i)}, size)
			for range words {
				if _, err := here.Write(word); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Go(func() {
		word := make([]byte, size)
		for range writers * words {
			if _, err := io.ReadFull(there, word); err != nil || bytes.Count(word, word[:1]) != size {
				t.Errorf("a word was torn apart: %v", err)
				here.Close()
				return
			}
		}
	})
	all.Wait()
}

func TestBriefLeavesOthersAsTheyAre(t *testing.T) {
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	if Brief(a) != a {
		t.Error("a pipe was changed")
	}
}

func TestBriefAllocatesNothing(t *testing.T) {
	here, there := pair(t)
	b := []byte("x")
	if n := testing.AllocsPerRun(100, func() {
		_, _ = there.Write(b)
		_, _ = here.Read(b)
		_, _ = here.Write(b)
		_, _ = there.Read(b)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestNothingIsSentAfterADeadlineHasPassed: also not by a write whose look at the deadline
// lies before it.
func TestNothingIsSentAfterADeadlineHasPassed(t *testing.T) {
	for name, pass := range map[string]func(net.Conn) error{
		"of writes": func(c net.Conn) error { return c.SetWriteDeadline(time.Unix(1, 0)) },
		"of all":    func(c net.Conn) error { return c.SetDeadline(time.Unix(1, 0)) },
	} {
		t.Run(name, func(t *testing.T) {
			conn, there := pair(t)
			here := conn.(*Conn)
			_ = here.SetDeadline(time.Now().Add(time.Hour)) // package net looks at it
			write := here.out.try
			here.out.try = func(fd uintptr) bool {
				if err := pass(here); err != nil {
					t.Error(err)
				}
				return write(fd)
			}
			if n, err := here.Write([]byte("late")); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("wrote %d, %v", n, err)
			}
			here.out.try = write
			if n, err := here.Write([]byte("later")); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("then wrote %d, %v", n, err)
			}
			_ = here.SetDeadline(time.Time{})
			if _, err := here.Write([]byte("again")); err != nil {
				t.Error(err)
			}
			got := make([]byte, 16)
			if n, err := there.Read(got); err != nil || string(got[:n]) != "again" {
				t.Errorf("received %q, %v; want what was written without a deadline", got[:n], err)
			}
		})
	}
}

// accepted is how many bytes the kernel has taken of what was written (tcp_info of Linux
// 4.19: bytes_sent at 200, of which bytes_retrans at 208 were sent again, and notsent_bytes
// at 144).
func accepted(t *testing.T, c *Conn) uint64 {
	t.Helper()
	var info [216]byte
	size := uint32(len(info))
	_, _, errno := syscall.Syscall6(syscall.SYS_GETSOCKOPT, c.out.fd, syscall.IPPROTO_TCP, syscall.TCP_INFO, uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&size)), 0)
	if errno != 0 || int(size) < len(info) {
		t.Skipf("this kernel does not tell what it was given: TCP_INFO of %d bytes (%v), Linux has %d since 4.19", size, errno, len(info))
	}
	once := binary.NativeEndian.Uint64(info[200:]) - binary.NativeEndian.Uint64(info[208:])
	return once + uint64(binary.NativeEndian.Uint32(info[144:]))
}

// busy returns a connection to which somebody writes all the time, whether he may or not,
// and how often he could.
func busy(t *testing.T) (*Conn, *atomic.Int64) {
	t.Helper()
	conn, there := pair(t)
	here := conn.(*Conn)
	var both sync.WaitGroup
	both.Go(func() { _, _ = io.Copy(io.Discard, struct{ io.Reader }{there}) })
	var written atomic.Int64
	over := make(chan struct{})
	both.Go(func() {
		for word := make([]byte, 100); ; {
			select {
			case <-over:
				return
			default:
				if _, err := here.Write(word); err == nil {
					written.Add(1)
				}
			}
		}
	})
	t.Cleanup(func() {
		close(over)
		here.Close()
		both.Wait()
	})
	return here, &written
}

// TestNothingIsSentOnceADeadlineIsSet: whenever that comes while somebody writes. A
// connection of package net failed this once in a hundred rounds.
func TestNothingIsSentOnceADeadlineIsSet(t *testing.T) {
	here, _ := busy(t)
	for round := range 5000 {
		_ = here.SetDeadline(time.Time{})
		for begun := time.Now(); time.Since(begun) < time.Duration(round%40)*time.Microsecond; { // a sleep is longer
		}
		_ = here.SetDeadline(time.Unix(1, 0))
		at := accepted(t, here)
		for begun := time.Now(); time.Since(begun) < 20*time.Microsecond; {
		}
		if now := accepted(t, here); now != at {
			t.Errorf("round %d: %d bytes were sent after the deadline", round, now-at)
			break
		}
	}
}

// TestADeadlineWaitsForWhatTheKernelTakes: when it has returned no write is under way.
func TestADeadlineWaitsForWhatTheKernelTakes(t *testing.T) {
	for name, end := range map[string]func(*Conn) error{
		"SetWriteDeadline": func(c *Conn) error { return c.SetWriteDeadline(time.Unix(1, 0)) },
		"SetDeadline":      func(c *Conn) error { return c.SetDeadline(time.Unix(1, 0)) },
		"Close":            func(c *Conn) error { return c.Close() },
	} {
		conn, _ := pair(t)
		here := conn.(*Conn)
		here.out.sending.Store(true) // as a write does meanwhile
		done := make(chan error, 1)
		go func() { done <- end(here) }()
		select {
		case <-done:
			t.Errorf("%s did not wait", name)
			here.out.sending.Store(false)
			continue
		case <-time.After(20 * time.Millisecond):
		}
		if here.out.state.Load() < shut {
			t.Errorf("%s waits, and lets others begin meanwhile", name)
		}
		here.out.sending.Store(false)
		<-done
	}
}

// TestADeadlineDoesNotQueueBehindWriters: sessions are cut one after the other, while their
// clients go on writing. Behind a mutex hundreds of writes went first, as a rule; a machine
// that has other work may let some go first any time, so half of the rounds count.
func TestADeadlineDoesNotQueueBehindWriters(t *testing.T) {
	here, written := busy(t)
	var first []int64
	for range 301 {
		_ = here.SetWriteDeadline(time.Time{})
		for before := written.Load(); written.Load() < before+3; { // he is at it again
			runtime.Gosched()
		}
		before := written.Load()
		_ = here.SetWriteDeadline(time.Unix(1, 0))
		first = append(first, written.Load()-before)
	}
	slices.Sort(first)
	if half := first[len(first)/2]; half > 10 {
		t.Errorf("%d writes and more went before half of the deadlines, want the one under way", half)
	}
}

// TestADeadlineDoesNotOpenWhatIsClosed: the number of its file may be another's by then.
func TestADeadlineDoesNotOpenWhatIsClosed(t *testing.T) {
	conn, _ := pair(t)
	here := conn.(*Conn)
	here.Close()
	begun := func(time.Time) error { return nil } // as package net says until it is closed
	if err := here.out.bound(time.Time{}, begun); err != nil {
		t.Error(err)
	}
	if state := here.out.state.Load(); state != closed {
		t.Errorf("its state is %d, and what is written goes to file %d", state, here.out.fd)
	}
}

// TestADeadlineBeingSetDoesNotOpenWhatIsBeingClosed: it has looked before.
func TestADeadlineBeingSetDoesNotOpenWhatIsBeingClosed(t *testing.T) {
	conn, _ := pair(t)
	here := conn.(*Conn)
	gone := make(chan error, 1)
	err := here.out.bound(time.Time{}, func(time.Time) error {
		go func() { gone <- here.Close() }()
		time.Sleep(20 * time.Millisecond) // Close would be over
		return nil
	})
	if err := errors.Join(err, <-gone); err != nil {
		t.Error(err)
	}
	if state := here.out.state.Load(); state != closed {
		t.Errorf("its state is %d, and what is written goes to file %d", state, here.out.fd)
	}
}

// TestWritesAreFreeAgainWithoutTheirDeadline: every handshake sets one for a while.
func TestWritesAreFreeAgainWithoutTheirDeadline(t *testing.T) {
	conn, _ := pair(t)
	here := conn.(*Conn)
	for _, set := range []func(time.Time) error{here.SetDeadline, here.SetWriteDeadline} {
		for _, deadline := range []time.Time{time.Now().Add(time.Hour), time.Unix(1, 0)} {
			_ = set(deadline)
			if here.out.state.Load() == free {
				t.Errorf("writes are free before %s", deadline)
			}
			_ = set(time.Time{})
			if state := here.out.state.Load(); state != free {
				t.Errorf("the state is %d after the deadline %s was taken away", state, deadline)
			}
		}
	}
}

// TestAWriteIsNotForgottenWhenItsDeadlineGoesAgain: it had been refused for it, and the
// peer has room, so that nobody would ever wake it.
func TestAWriteIsNotForgottenWhenItsDeadlineGoesAgain(t *testing.T) {
	conn, _ := pair(t)
	here := conn.(*Conn)
	_ = here.SetWriteDeadline(time.Now().Add(time.Hour))
	write := here.out.try
	here.out.try = func(fd uintptr) bool {
		_ = here.SetWriteDeadline(time.Unix(1, 0))
		defer func() { _ = here.SetWriteDeadline(time.Time{}) }()
		return write(fd)
	}
	done := make(chan error, 1)
	go func() { _, err := here.Write([]byte("x")); done <- err }()
	select {
	case err := <-done:
		var timeout net.Error
		if !errors.As(err, &timeout) || !timeout.Timeout() || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("the write ended with %v, want a timeout", err)
		}
	case <-time.After(5 * time.Second):
		t.Error("the write waits for ever")
	}
}
