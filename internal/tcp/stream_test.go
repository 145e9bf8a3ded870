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

// sink is a Sink of two functions.
type sink struct {
	room func() []byte
	took func(n int) Next
}

func (s sink) Room() []byte    { return s.room() }
func (s sink) Took(n int) Next { return s.took(n) }

// into returns a Sink that reads into b.
func into(b []byte, took func(n int) Next) Sink {
	return sink{room: func() []byte { return b }, took: took}
}

// gather streams from conn into a buffer of size bytes until it ends.
func gather(conn net.Conn, size int, next Next) ([]byte, error) {
	var got []byte
	b := make([]byte, size)
	err := Stream(conn, into(b, func(n int) Next {
		got = append(got, b[:n]...)
		return next
	}))
	return got, err
}

func TestStreamReadsEveryByteAndTheEnd(t *testing.T) {
	sent := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	for _, next := range []Next{More, Rest} {
		for _, size := range []int{7, 1024, 1 << 20} {
			here, there := pair(t)
			var both sync.WaitGroup
			both.Go(func() {
				for rest := sent[:size*100%len(sent)+1]; len(rest) > 0; {
					k := min(len(rest), 1500)
					if _, err := there.Write(rest[:k]); err != nil {
						t.Error(err)
					}
					rest = rest[k:]
				}
				there.CloseWrite()
			})
			got, err := gather(here, size, next)
			if want := sent[:size*100%len(sent)+1]; !errors.Is(err, io.EOF) || !bytes.Equal(got, want) {
				t.Errorf("by %d, next %d: %d bytes and %v; want %d and the end", size, next, len(got), err, len(want))
			}
			both.Wait()
		}
	}
}

// TestStreamSeesAnEndThatCameWithTheLastBytes: of the two there may be one notice.
func TestStreamSeesAnEndThatCameWithTheLastBytes(t *testing.T) {
	for range 300 {
		here, there := pair(t)
		done := make(chan error)
		go func() {
			got, err := gather(here, 64, Rest)
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
}

func TestStreamRestsAndGoesOn(t *testing.T) {
	here, there := pair(t)
	asked := 0
	go func() {
		for range 50 {
			_, _ = there.Write([]byte("question"))
			time.Sleep(time.Millisecond)
		}
		there.Close()
	}()
	b := make([]byte, 64)
	err := Stream(here, sink{func() []byte { asked++; return b }, func(int) Next { return Rest }})
	if told := here.(*Conn).in.told; !errors.Is(err, io.EOF) || told && asked > 60 {
		t.Errorf("%d reads and %v; want 50, one for the end, and few in vain", asked, err)
	}
}

func TestStreamStops(t *testing.T) {
	here, there := pair(t)
	_, _ = there.Write([]byte("ab"))
	for range 2 {
		if got, err := gather(here, 1, Stop); len(got) != 1 || err != nil {
			t.Errorf("got %q, %v; want one byte and no error", got, err)
		}
	}
}

func TestStreamObeysDeadlinesAndCloses(t *testing.T) {
	here, there := pair(t)
	late := time.AfterFunc(20*time.Millisecond, func() { _ = here.SetReadDeadline(time.Unix(1, 0)) })
	defer late.Stop()
	_, _ = there.Write([]byte("a"))
	if got, err := gather(here, 8, Rest); string(got) != "a" || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("at its deadline: %q, %v", got, err)
	}
	_, _ = there.Write([]byte("b"))
	if got, err := gather(here, 8, More); len(got) != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("after its deadline: %q, %v; want nothing", got, err)
	}
	_ = here.SetReadDeadline(time.Time{})
	time.AfterFunc(20*time.Millisecond, func() { here.Close() })
	if got, err := gather(here, 8, Rest); string(got) != "b" || !errors.Is(err, net.ErrClosed) {
		t.Errorf("when it is closed: %q, %v", got, err)
	}
}

func TestStreamTellsOfAReset(t *testing.T) {
	here, there := pair(t)
	_, _ = there.Write([]byte("a"))
	time.AfterFunc(20*time.Millisecond, func() { _ = there.SetLinger(0); there.Close() })
	if got, err := gather(here, 8, Rest); string(got) != "a" || !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("a reset while it waits: %q, %v", got, err)
	}
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
	got, err := gather(here, 8, Rest)
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
	if got, err := gather(here, 3, Rest); string(got) != "hello" || !errors.Is(err, io.EOF) {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestStreamAllocatesNothing(t *testing.T) {
	here, there := pair(t)
	b, answer, word := make([]byte, 8), make([]byte, 8), []byte("x")
	go func() {
		_ = Stream(here, into(b, func(n int) Next { _, _ = here.Write(b[:n]); return Rest }))
	}()
	if n := testing.AllocsPerRun(100, func() {
		_, _ = there.Write(word)
		_, _ = there.Read(answer)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
