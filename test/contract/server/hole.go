//go:build linux

package server

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"syscall"
	"time"
)

// Hole is a port on 127.0.0.1 that swallows connection attempts: the kernel
// drops every SYN because the accept queue is full and nobody accepts. It needs
// no packet filter and no privileges.
type Hole struct {
	Port   int
	fd     int
	filler net.Conn
}

// OpenHole binds port and fills its queue.
func OpenHole(ctx context.Context, port int) (*Hole, error) {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open hole: %w", err)
	}
	h := &Hole{Port: port, fd: fd}
	if err := h.fill(ctx); err != nil {
		h.Close()
		return nil, fmt.Errorf("open hole on port %d: %w", port, err)
	}
	return h, nil
}

func (h *Hole) fill(ctx context.Context) error {
	if err := syscall.SetsockoptInt(h.fd, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1); err != nil {
		return err
	}
	if err := syscall.Bind(h.fd, &syscall.SockaddrInet4{Port: h.Port, Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return err
	}
	if err := syscall.Listen(h.fd, 0); err != nil {
		return err
	}
	d := net.Dialer{Timeout: time.Second}
	var err error
	h.filler, err = d.DialContext(ctx, "tcp", h.Addr())
	return err
}

// Addr returns host:port of the hole.
func (h *Hole) Addr() string { return "127.0.0.1:" + strconv.Itoa(h.Port) }

// Close makes the port refuse connections again.
func (h *Hole) Close() {
	if h.filler != nil {
		_ = h.filler.Close()
	}
	_ = syscall.Close(h.fd)
}
