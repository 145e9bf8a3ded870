package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
)

// Dial connects from the client machine: to pods, nodes, Services by address or
// by name in the cluster's DNS ("web.default.svc", "web-0.web.default.svc", with
// or without the cluster's domain). It keeps working while the API server is
// stopped or a node is off.
func (l *Lab) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	return l.DialFrom(ctx, client, network, address)
}

// DialFrom is Dial from another machine: "controlplane", "client", or a node.
func (l *Lab) DialFrom(ctx context.Context, machine, network, address string) (net.Conn, error) {
	h, err := l.machine(machine)
	if err != nil {
		return nil, err
	}
	name, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("dial %s in the lab: %w", address, err)
	}
	if net.ParseIP(name) != nil {
		return h.dial(ctx, network, address)
	}
	addresses, err := h.lookup(ctx, name)
	if err != nil {
		return nil, err
	}
	var failed error
	for _, ip := range addresses {
		conn, err := h.dial(ctx, network, net.JoinHostPort(ip, port))
		if err == nil {
			return conn, nil
		}
		failed = errors.Join(failed, err)
	}
	return nil, failed
}

// LookupHost asks the cluster's DNS from the client machine.
func (l *Lab) LookupHost(ctx context.Context, name string) ([]string, error) {
	return host(client).lookup(ctx, name)
}

// machine checks a machine's name, and that it has power.
func (l *Lab) machine(name string) (host, error) {
	all := hosts(l.state.Nodes)
	if !slices.Contains(all, host(name)) {
		return "", noName("no machine %q: name one of %s", name, join(all))
	}
	if host(name).pid() == 0 {
		return "", fmt.Errorf("%s has no power: give it some with \"lab power-on %s\"", name, name)
	}
	return host(name), nil
}

func (h host) lookup(ctx context.Context, name string) ([]string, error) {
	resolver := net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return h.dial(ctx, network, net.JoinHostPort(dnsServerIP, "53"))
	}}
	var failed error
	for _, full := range candidates(name) {
		addresses, err := resolver.LookupHost(ctx, full)
		if err == nil {
			return addresses, nil
		}
		failed = err
	}
	return nil, fmt.Errorf("look up %s in the lab: %w", name, failed)
}

// candidates are the absolute names that a name in the cluster may stand for,
// so that nothing of this host's own search list is tried.
func candidates(name string) []string {
	name = strings.TrimSuffix(name, ".")
	switch {
	case strings.HasSuffix(name, "."+domain):
		return []string{name + "."}
	case strings.HasSuffix(name, ".svc"):
		return []string{name + "." + domain + "."}
	}
	return []string{name + ".svc." + domain + ".", name + "."}
}

// dial makes the socket on a thread in the machine's network. The address must
// be numeric: a lookup would make sockets on other threads.
func (h host) dial(ctx context.Context, network, address string) (net.Conn, error) {
	var conn net.Conn
	err := h.within(func() error {
		var dialer net.Dialer
		var err error
		conn, err = dialer.DialContext(ctx, network, address)
		return err
	})
	if err != nil {
		return nil, err
	}
	return conn, nil
}

func join(all []host) string {
	names := make([]string, len(all))
	for i, h := range all {
		names[i] = string(h)
	}
	return strings.Join(names, ", ")
}
