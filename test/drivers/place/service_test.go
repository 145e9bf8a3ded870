package place

import (
	"context"
	"errors"
	"io"
	"net"
	"testing"
)

// server answers one connection with what it was told, and a greeting, once the other
// side has ended.
func server(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		said, _ := io.ReadAll(c)
		_, _ = c.Write(append(said, " heard"...))
	}()
	return l.Addr().String()
}

func TestServiceLeadsPastTheDeadAndCarriesAnEndOfOneSide(t *testing.T) {
	dead, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	dead.Close()
	alive := server(t)
	s, err := open(t.Context(), first(func() []string { return []string{dead.Addr().String(), alive, dead.Addr().String()} }))
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	c, err := net.Dial("tcp", s.addr())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_, _ = io.WriteString(c, "hello")
	_ = c.(*net.TCPConn).CloseWrite()
	if got, err := io.ReadAll(c); err != nil || string(got) != "hello heard" {
		t.Errorf("heard %q, %v; want what was said before one side ended", got, err)
	}
}

func TestServiceWithoutAGatewayEndsTheConnection(t *testing.T) {
	s, err := open(t.Context(), func(context.Context) (net.Conn, error) { return nil, errors.New("nobody") })
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	c, err := net.Dial("tcp", s.addr())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if n, err := c.Read(make([]byte, 1)); err == nil {
		t.Errorf("read %d bytes; want the end", n)
	}
}
