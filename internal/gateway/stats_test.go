package gateway

import (
	"context"
	"errors"
	"net"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestHoldsAreToldWhenTheyEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var told []time.Duration
		p := newPipes()
		g := start(t, Options{ReadWrite: p, Dial: p.dial, HoldTimeout: 7 * time.Second, Held: func(d time.Duration) {
			mu.Lock()
			defer mu.Unlock()
			told = append(told, d)
		}})
		demand := func(when string, want ...time.Duration) {
			t.Helper()
			synctest.Wait()
			mu.Lock()
			defer mu.Unlock()
			if !slices.Equal(told, want) {
				t.Fatalf("%s holds of %v were told; want %v", when, told, want)
			}
		}
		readAll(p.connect(t))
		demand("after a client was turned away", 7*time.Second)

		p.connect(t)
		time.Sleep(3 * time.Second)
		demand("while a client is held", 7*time.Second)
		g.Follow(Route{Epoch: 1, Main: "m:1", State: Open})
		p.server()
		demand("after it was let in", 7*time.Second, 3*time.Second)

		p.connect(t)
		p.server()
		demand("after another that had not to wait", 7*time.Second, 3*time.Second)
		if st := g.Stats(); st.ClientsTotal != 3 || st.HeldTotal != 2 {
			t.Fatalf("stats = %+v; want 3 clients that came, 2 of them held", st)
		}
	})
}

func TestVainDialsAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, dials := newPipes(), 0
		g := start(t, Options{ReadWrite: p, Dial: func(ctx context.Context, network, addr string) (net.Conn, error) {
			switch dials++; dials {
			case 1, 2:
				return nil, errors.New("connection refused")
			case 3: // nobody answers until the route changes
				<-ctx.Done()
				return nil, ctx.Err()
			}
			return p.dial(ctx, network, addr)
		}})
		g.Follow(Route{Epoch: 1, Main: "m:1", State: Open})
		p.connect(t)
		time.Sleep(time.Second)
		synctest.Wait()
		g.Follow(Route{Epoch: 2, Main: "n:1", State: Open})
		p.server()
		if st := g.Stats(); st.UndialedTotal != 2 || dials != 4 {
			t.Fatalf("%d dials, %d of them counted as vain; want 4, 2: a try that was given up is not the server's fault", dials, st.UndialedTotal)
		}
	})
}
