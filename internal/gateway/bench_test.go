package gateway

import (
	"io"
	"net"
	"testing"
)

// echoServer echoes without a greeting until the benchmark ends.
func echoServer(b *testing.B) string {
	ln := listen(b)
	b.Cleanup(func() { ln.Close() })
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				_, _ = io.Copy(c, c)
				c.Close()
			}()
		}
	}()
	return ln.Addr().String()
}

// beside runs f on a direct connection and on one through the gateway.
func beside(b *testing.B, f func(b *testing.B, c net.Conn)) {
	addr := echoServer(b)
	g := start(b, Options{})
	g.Follow(Route{Epoch: 1, Main: addr, State: Open})
	for name, to := range map[string]string{"direct": addr, "gateway": g.opt.ReadWrite.Addr().String()} {
		b.Run(name, func(b *testing.B) {
			c, err := net.Dial("tcp", to)
			if err != nil {
				b.Fatal(err)
			}
			defer c.Close()
			f(b, c)
		})
	}
}

// BenchmarkRoundTrip is the latency of one small question and answer.
func BenchmarkRoundTrip(b *testing.B) {
	beside(b, func(b *testing.B, c net.Conn) {
		msg := make([]byte, 200)
		for b.Loop() {
			if _, err := c.Write(msg); err != nil {
				b.Fatal(err)
			}
			if _, err := io.ReadFull(c, msg); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkStream is the throughput of a large result, there and back.
func BenchmarkStream(b *testing.B) {
	beside(b, func(b *testing.B, c net.Conn) {
		const piece = 1 << 20
		b.SetBytes(piece)
		out, in := make([]byte, piece), make([]byte, piece)
		for b.Loop() {
			sent := make(chan error, 1)
			go func() {
				_, err := c.Write(out)
				sent <- err
			}()
			if _, err := io.ReadFull(c, in); err != nil {
				b.Fatal(err)
			}
			if err := <-sent; err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkConnect is the time from dialing to the first byte of an answer.
func BenchmarkConnect(b *testing.B) {
	addr := echoServer(b)
	g := start(b, Options{})
	g.Follow(Route{Epoch: 1, Main: addr, State: Open})
	for name, to := range map[string]string{"direct": addr, "gateway": g.opt.ReadWrite.Addr().String()} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				c, err := net.Dial("tcp", to)
				if err != nil {
					b.Fatal(err)
				}
				if _, err = c.Write([]byte("x")); err == nil {
					_, err = io.ReadFull(c, make([]byte, 1))
				}
				if err != nil {
					b.Fatal(err)
				}
				c.Close()
			}
		})
	}
}
