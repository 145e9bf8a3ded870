//go:build !linux

package tcp

import (
	"context"
	"net"
)

// Listen listens at a TCP address, host:port, for connections with keepalives k.
func Listen(ctx context.Context, addr string, k net.KeepAliveConfig) (net.Listener, error) {
	config := net.ListenConfig{KeepAliveConfig: k}
	return config.Listen(ctx, "tcp", addr)
}
