package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// way is one way to the server.
type way struct {
	name  string
	addr  string
	trust *tls.Config // nil: clients speak without TLS
	proxy *process    // nil: there is none
}

// stage is a server and the three ways to it, all with TLS or all without.
type stage struct {
	dir         string
	certificate string // a file; empty: without TLS
	trust       *tls.Config
	profile     string
	server      *process
	target      string // where the proxies lead, never with TLS
	ways        [ways]way
}

// bench prints all figures that are asked for.
func bench(ctx context.Context, o options, out io.Writer) error {
	against, err := haproxyVersion(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "gatewaybench: against %s, %d threads each\n", against, threads())
	for _, encrypted := range []bool{false, true} {
		if encrypted && o.tls == "no" || !encrypted && o.tls == "yes" {
			continue
		}
		prefix := ""
		if encrypted {
			prefix = "tls_"
		}
		emit := func(f figure, rounds []round) error {
			f.name = prefix + f.name
			l := f.line(rounds)
			l.Against = against
			return json.NewEncoder(out).Encode(l)
		}
		if err := perform(ctx, o, encrypted, emit); err != nil {
			return err
		}
	}
	return nil
}

// perform measures on a stage of its own.
func perform(ctx context.Context, o options, encrypted bool, emit func(figure, []round) error) (err error) {
	s, err := build(ctx, o.profile, encrypted)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.tearDown()) }()
	for _, name := range groupNames() {
		if !o.wants(name) {
			continue
		}
		if err := groups[name](ctx, s, o, emit); err != nil {
			return fmt.Errorf("measure %s: %w", name, err)
		}
	}
	return nil
}

// build starts a server and both proxies.
func build(ctx context.Context, profile string, encrypted bool) (s *stage, err error) {
	s = &stage{profile: profile}
	if s.dir, err = os.MkdirTemp("", "gatewaybench-"); err != nil {
		return nil, fmt.Errorf("make a directory for the bench: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.tearDown())
		}
	}()
	file := filepath.Join(s.dir, "certificate.pem")
	trust, err := makeCertificate(file)
	if err != nil {
		return s, err
	}
	server, addrs, err := self(ctx, 2, "server", "--certificate", file)
	if err != nil {
		return s, err
	}
	s.server, s.target = server, addrs[0]
	s.ways[direct] = way{name: "direct", addr: addrs[0]}
	if encrypted {
		s.certificate, s.trust = file, trust
		s.ways[direct].addr, s.ways[direct].trust = addrs[1], trust
	}
	for _, which := range []int{haproxy, ours} {
		if s.ways[which], err = s.start(ctx, which, s.profile); err != nil {
			return s, err
		}
	}
	return s, nil
}

// start starts a proxy.
func (s *stage) start(ctx context.Context, which int, profile string) (way, error) {
	if which == haproxy {
		p, addr, err := startHAProxy(ctx, s.dir, s.certificate, s.target)
		return way{name: "haproxy", addr: addr, trust: s.trust, proxy: p}, err
	}
	args := []string{"gateway", "--to", s.target}
	if s.certificate != "" {
		args = append(args, "--certificate", s.certificate)
	}
	if profile != "" {
		args = append(args, "--profile", profile)
	}
	p, addrs, err := self(ctx, 1, args...)
	if err != nil {
		return way{}, err
	}
	return way{name: "gateway", addr: addrs[0], trust: s.trust, proxy: p}, nil
}

// tearDown ends what was started.
func (s *stage) tearDown() error {
	var errs []error
	for _, p := range []*process{s.ways[haproxy].proxy, s.ways[ours].proxy, s.server} {
		if p != nil {
			errs = append(errs, p.stop())
		}
	}
	return errors.Join(append(errs, os.RemoveAll(s.dir))...)
}

// turns has each way read in turn, a round after the other. Each round begins with the
// way after the one that the round before it began with.
func (s *stage) turns(ctx context.Context, rounds int, read func(which int) (reading, error)) ([]round, error) {
	all := make([]round, rounds)
	for n := range all {
		for i := range ways {
			which := (n + i) % ways
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			r, err := read(which)
			if err != nil {
				return nil, fmt.Errorf("%s, round %d: %w", s.ways[which].name, n+1, err)
			}
			all[n][which] = r
		}
	}
	return all, nil
}
