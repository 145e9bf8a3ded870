package place

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
)

// service is a door on the loopback interface that leads each connection to where dial
// leads then. A connection that cannot be led anywhere is closed.
type service struct {
	listener net.Listener
	dial     func(context.Context) (net.Conn, error)
	work     sync.WaitGroup
	end      context.CancelFunc
}

// open opens a service.
func open(ctx context.Context, dial func(context.Context) (net.Conn, error)) (*service, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp4", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("open a door for clients on the loopback interface: %w", err)
	}
	ctx, end := context.WithCancel(context.WithoutCancel(ctx))
	s := &service{listener: listener, dial: dial, end: end}
	s.work.Go(func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return // it was closed
			}
			s.work.Go(func() { s.lead(ctx, near) })
		}
	})
	return s, nil
}

func (s *service) addr() string { return s.listener.Addr().String() }

// close ends all connections and waits for them.
func (s *service) close() {
	s.end()
	s.listener.Close()
	s.work.Wait()
}

// lead carries one connection until it has ended on both sides, or broken on one.
func (s *service) lead(ctx context.Context, near net.Conn) {
	defer near.Close()
	far, err := s.dial(ctx)
	if err != nil {
		return
	}
	defer far.Close()
	sever := func() {
		near.Close()
		far.Close()
	}
	defer context.AfterFunc(ctx, sever)()
	var back sync.WaitGroup
	back.Go(func() { carry(near, far, sever) })
	carry(far, near, sever)
	back.Wait()
}

// carry copies what one side says, and that it has ended: the other may go on.
func carry(to, from net.Conn, sever func()) {
	_, err := io.Copy(to, from)
	half, ok := to.(interface{ CloseWrite() error })
	if err != nil || !ok || half.CloseWrite() != nil {
		sever()
	}
}

// first leads to the first of some addresses that can be reached, beginning at one that
// changes with every connection.
func first(addresses func() []string) func(context.Context) (net.Conn, error) {
	var mu sync.Mutex
	turn := 0
	return func(ctx context.Context) (net.Conn, error) {
		all := addresses()
		mu.Lock()
		turn++
		begin := turn
		mu.Unlock()
		err := errors.New("no gateway lives")
		for i := range all {
			var d net.Dialer
			var c net.Conn
			if c, err = d.DialContext(ctx, "tcp", all[(begin+i)%len(all)]); err == nil {
				return c, nil
			}
		}
		return nil, err
	}
}
