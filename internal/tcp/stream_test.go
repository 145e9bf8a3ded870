//go:build linux && !386

package tcp

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"
)

// reader is a Flow into one buffer.
type reader struct {
	b     []byte
	take  func(n int) Next
	then  func() Next // Finish
	rooms int
}

func (r *reader) Room() []byte    { r.rooms++; return r.b }
func (r *reader) Take(n int) Next { return r.take(n) }
func (r *reader) Finish() Next    { return r.then() }

// gather streams from conn into a buffer of size bytes until it ends.
func gather(l *Loop, conn net.Conn, size int, next Next) ([]byte, error) {
	var got []byte
	r := &reader{b: make([]byte, size), then: func() Next { return More }}
	r.take = func(n int) Next {
		got = append(got, r.b[:n]...)
		return next
	}
	err := Stream(l, conn, r)
	return got, err
}

// eachWay runs f with the connection reading for itself, and with a loop that does.
func eachWay(t *testing.T, f func(t *testing.T, ls *Loops)) {
	t.Run("itself", func(t *testing.T) { f(t, nil) })
	t.Run("loop", func(t *testing.T) {
		var ls Loops
		defer ls.Close()
		f(t, &ls)
	})
}

func (ls *Loops) of(conn net.Conn) *Loop {
	if ls == nil {
		return nil
	}
	return ls.For(conn)
}

func TestStreamReadsEveryByteAndTheEnd(t *testing.T) {
	eachWay(t, func(t *testing.T, ls *Loops) {
		sent := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
		for _, next := range []Next{More, Rest, Wait} {
			for _, size := range []int{7, 1024, 1 << 20} {
				here, there := pair(t)
				want := sent[:size*100%len(sent)+1]
				var both sync.WaitGroup
				both.Go(func() {
					for rest := want; len(rest) > 0; {
						k := min(len(rest), 1500)
						if _, err := there.Write(rest[:k]); err != nil {
							t.Error(err)
						}
						rest = rest[k:]
					}
					there.CloseWrite()
				})
				got, err := gather(ls.of(here), here, size, next)
				if !errors.Is(err, io.EOF) || !bytes.Equal(got, want) {
					t.Errorf("by %d, next %d: %d bytes and %v; want %d and the end", size, next, len(got), err, len(want))
				}
				both.Wait()
			}
		}
	})
}

// TestStreamSeesAnEndThatCameWithTheLastBytes: of the two there may be one notice.
func TestStreamSeesAnEndThatCameWithTheLastBytes(t *testing.T) {
	eachWay(t, func(t *testing.T, ls *Loops) {
		for range 300 {
			here, there := pair(t)
			done := make(chan error)
			go func() {
				got, err := gather(ls.of(here), here, 64, Rest)
				if string(got) != "bye" {
					t.Errorf("got %q", got)
				}
				done <- err
			}()
			_, _ = there.Write([]byte("bye"))
			there.Close()
			select {
			case err := <-done:
				if !errors.Is(err, io.EOF) {
					t.Fatal(err)
				}
			case <-time.After(10 * time.Second):
				t.Fatal("the end of the stream was missed")
			}
			here.Close()
		}
	})
}

func TestStreamRestsAndGoesOn(t *testing.T) {
	here, there := pair(t)
	go func() {
		for range 50 {
			_, _ = there.Write([]byte("question"))
			time.Sleep(time.Millisecond)
		}
		there.Close()
	}()
	r := &reader{b: make([]byte, 64), take: func(int) Next { return Rest }}
	err := Stream(nil, here, r)
	if told := here.(*Conn).in.told; !errors.Is(err, io.EOF) || told && r.rooms > 60 {
		t.Errorf("%d reads and %v; want 50, one for the end, and few in vain", r.rooms, err)
	}
}

func TestStreamStops(t *testing.T) {
	eachWay(t, func(t *testing.T, ls *Loops) {
		here, there := pair(t)
		_, _ = there.Write([]byte("ab"))
		for range 2 {
			if got, err := gather(ls.of(here), here, 1, Stop); len(got) != 1 || err != nil {
				t.Errorf("got %q, %v; want one byte and no error", got, err)
			}
		}
	})
}

func TestStreamObeysDeadlinesAndCloses(t *testing.T) {
	eachWay(t, func(t *testing.T, ls *Loops) {
		here, there := pair(t)
		late := time.AfterFunc(20*time.Millisecond, func() { _ = here.SetReadDeadline(time.Unix(1, 0)) })
		defer late.Stop()
		_, _ = there.Write([]byte("a"))
		if got, err := gather(ls.of(here), here, 8, Rest); string(got) != "a" || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("at its deadline: %q, %v", got, err)
		}
		_, _ = there.Write([]byte("b"))
		if got, err := gather(ls.of(here), here, 8, More); len(got) != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("after its deadline: %q, %v; want nothing", got, err)
		}
		_ = here.SetReadDeadline(time.Time{})
		time.AfterFunc(20*time.Millisecond, func() { here.Close() })
		if got, err := gather(ls.of(here), here, 8, Rest); string(got) != "b" || !errors.Is(err, net.ErrClosed) {
			t.Errorf("when it is closed: %q, %v", got, err)
		}
	})
}

func TestStreamTellsOfAReset(t *testing.T) {
	eachWay(t, func(t *testing.T, ls *Loops) {
		here, there := pair(t)
		_, _ = there.Write([]byte("a"))
		time.AfterFunc(20*time.Millisecond, func() { _ = there.SetLinger(0); there.Close() })
		if got, err := gather(ls.of(here), here, 8, Rest); string(got) != "a" || !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("a reset while it waits: %q, %v", got, err)
		}
	})
}

// TestStreamMayMissAResetThatCameWithTheLastBytes is what Rest says of itself: what is
// written then tells.
func TestStreamMayMissAResetThatCameWithTheLastBytes(t *testing.T) {
	here, there := pair(t)
	_, _ = there.Write([]byte("a"))
	_ = there.SetLinger(0)
	there.Close()
	time.Sleep(10 * time.Millisecond)
	time.AfterFunc(50*time.Millisecond, func() { _ = here.SetReadDeadline(time.Unix(1, 0)) })
	got, err := gather(nil, here, 8, Rest)
	if string(got) != "a" && !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("got %q, %v", got, err)
	}
	if _, err := here.Write([]byte("x")); !errors.Is(err, syscall.EPIPE) && !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("a write after it: %v", err)
	}
}

func TestStreamOfAnotherConnection(t *testing.T) {
	here, there := net.Pipe()
	go func() {
		_, _ = there.Write([]byte("hello"))
		there.Close()
	}()
	if got, err := gather(nil, here, 3, Rest); string(got) != "hello" || !errors.Is(err, io.EOF) {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestStreamAllocatesNothing(t *testing.T) {
	eachWay(t, func(t *testing.T, ls *Loops) {
		here, there := pair(t)
		answer, word := make([]byte, 8), []byte("x")
		r := &reader{b: make([]byte, 8)}
		r.take = func(n int) Next { _, _ = Try(here, r.b[:n]); return Rest }
		go func() { _ = Stream(ls.of(here), here, r) }()
		if n := testing.AllocsPerRun(100, func() {
			_, _ = there.Write(word)
			_, _ = there.Read(answer)
		}); n != 0 {
			t.Errorf("%v allocations", n)
		}
	})
}
