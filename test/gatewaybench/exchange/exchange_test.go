package exchange

import (
	"bytes"
	"errors"
	"net"
	"testing"

	"memgraph-controller/internal/bolt"
)

func listen(t *testing.T) net.Listener {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	return ln
}

func TestClientHearsWhatTheServerSays(t *testing.T) {
	ln := listen(t)
	go func() { _ = Serve(ln, nil) }()
	c, err := Dial(t.Context(), ln.Addr().String(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := c.Ask(); err != nil {
			t.Fatal(err)
		}
		if err := c.Fetch(Result{Blocks: 3, RecordSize: 1 << 10}); err != nil {
			t.Fatal(err)
		}
	}
	if allocated := testing.AllocsPerRun(100, func() {
		if err := c.Ask(); err != nil {
			t.Error(err)
		}
	}); allocated > 0 {
		t.Errorf("a question and its answer allocate %v times, want none", allocated)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
}

// A proxy that changes one byte is found.
func TestClientFindsAChangedByte(t *testing.T) {
	server, proxy := listen(t), listen(t)
	go func() { _ = Serve(server, nil) }()
	go forge(proxy, server.Addr().String())
	c, err := Dial(t.Context(), proxy.Addr().String(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Fetch(Result{Blocks: 2, RecordSize: 64}); !errors.Is(err, ErrBroken) {
		t.Errorf("heard %v, want %v", err, ErrBroken)
	}
}

// forge carries one client, and changes a byte of the large records that it hears.
func forge(ln net.Listener, to string) {
	client, err := ln.Accept()
	if err != nil {
		return
	}
	defer client.Close()
	server, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	defer server.Close()
	go func() {
		buf := make([]byte, 4<<10)
		for {
			n, err := client.Read(buf)
			if err != nil {
				return
			}
			_, _ = server.Write(buf[:n])
		}
	}()
	buf := make([]byte, 4<<10)
	for {
		n, err := server.Read(buf)
		if err != nil {
			return
		}
		if at := bytes.Index(buf[:n], []byte("xx")); at >= 0 {
			buf[at] = 'z'
		}
		_, _ = client.Write(buf[:n])
	}
}

func TestBlocksAreWholeRecords(t *testing.T) {
	for size := 64; size <= 32<<10; size *= 2 {
		r := Result{Blocks: 1, RecordSize: size}
		if got, ok := parse(r.query()); !ok || got != r {
			t.Errorf("%q is read as %v, %v", r.query(), got, ok)
		}
		var s bolt.Scanner
		records, b := 0, r.block()
		for at := 0; at < len(b); {
			n, e := s.Next(b[at:])
			at += n
			if e == bolt.Alien {
				t.Fatalf("records of %d bytes are no Bolt", size)
			}
			if e == bolt.End {
				records++
			}
		}
		if !s.Between() || records != BlockSize/size || len(b) != BlockSize {
			t.Errorf("%d records of %d bytes in %d, want %d in %d", records, size, len(b), BlockSize/size, BlockSize)
		}
	}
	for _, query := range []string{"", "RETURN 1", "STREAM", "STREAM 0 64", "STREAM 1 65", "STREAM 1 32", "STREAM x 64"} {
		if r, ok := parse(query); ok {
			t.Errorf("%q is read as %v", query, r)
		}
	}
}
