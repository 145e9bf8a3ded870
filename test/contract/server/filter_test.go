//go:build linux

package server

import (
	"bufio"
	"errors"
	"net"
	"os"
	"os/exec"
	"testing"
	"time"
)

// TestMain lets the test binary serve as the process whose sockets are cut: it
// echoes lines on the port that the environment names.
func TestMain(m *testing.M) {
	if port := os.Getenv("CONTRACT_ECHO"); port != "" {
		echo(port)
		return
	}
	os.Exit(m.Run())
}

func echo(port string) {
	l, err := net.Listen("tcp", "127.0.0.1:"+port)
	if err != nil {
		os.Exit(1)
	}
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			r := bufio.NewReader(c)
			for {
				line, err := r.ReadString('\n')
				if err != nil {
					return
				}
				_, _ = c.Write([]byte(line))
			}
		}()
	}
}

// says sends a line and reports whether it comes back within the time.
func says(t *testing.T, c net.Conn, r *bufio.Reader, within time.Duration) bool {
	t.Helper()
	if _, err := c.Write([]byte("hello\n")); err != nil {
		t.Fatal(err)
	}
	if err := c.SetReadDeadline(time.Now().Add(within)); err != nil {
		t.Fatal(err)
	}
	_, err := r.ReadString('\n')
	return err == nil
}

func TestCutSilencesAndHealDelivers(t *testing.T) {
	l := NewLauncher()
	defer l.Close()
	h := Host{Program: Program{Path: os.Args[0]}, Root: t.TempDir(), Ports: NewPorts(), Launcher: l}
	c, err := h.Cluster("case", "a")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	n := c.Nodes[0]
	cmd := exec.Command(os.Args[0])
	// Go's listeners are multipath by default; such sockets take no filter.
	cmd.Env = append(os.Environ(), "GODEBUG=multipathtcp=0", "CONTRACT_ECHO="+n.ReplAddr()[len("127.0.0.1:"):])
	if n.exited, err = l.Start(cmd); err != nil {
		t.Fatal(err)
	}
	n.cmd = cmd
	await(t, "the echo server", func() bool { return n.Listening(t.Context()) })

	open, err := net.Dial("tcp", n.ReplAddr())
	if err != nil {
		t.Fatal(err)
	}
	defer open.Close()
	r := bufio.NewReader(open)
	if !says(t, open, r, time.Second) {
		t.Fatal("no echo before the cut")
	}
	if err := n.Cut(); errors.Is(err, ErrNoFilter) {
		t.Skipf("this machine forbids it: %v", err)
	} else if err != nil {
		t.Fatal(err)
	}
	if says(t, open, r, 200*time.Millisecond) {
		t.Error("an open connection still answers after the cut")
	}
	_, err = net.DialTimeout("tcp", n.ReplAddr(), 200*time.Millisecond)
	var ne net.Error
	if !errors.As(err, &ne) || !ne.Timeout() {
		t.Errorf("dialling a node that is cut off: %v; want a time-out", err)
	}
	if err := n.Heal(); err != nil {
		t.Fatal(err)
	}
	if !says(t, open, r, 10*time.Second) {
		t.Error("no echo after the heal; want the unacknowledged lines retransmitted")
	}
}
