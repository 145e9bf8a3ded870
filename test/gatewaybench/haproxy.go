package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// haproxyConfig is HAProxy as a TCP proxy of one server. TLS is what the clients of this
// bench speak, so that all who end it do the same work.
const haproxyConfig = `global
    maxconn 4000
    nbthread %d
    ssl-default-bind-ciphersuites TLS_AES_128_GCM_SHA256
    ssl-default-bind-options ssl-min-ver TLSv1.3

defaults
    mode tcp
    timeout connect 5s
    timeout client 1h
    timeout server 1h

frontend bolt
    bind %s%s
    default_backend memgraph

backend memgraph
    server memgraph %s
`

// configure returns a configuration with which HAProxy listens at addr and leads to
// server. With a certificate, a file, it ends TLS.
func configure(addr, certificate, server string) string {
	tls := ""
	if certificate != "" {
		tls = " ssl crt " + certificate
	}
	return fmt.Sprintf(haproxyConfig, threads(), addr, tls, server)
}

// haproxyVersion returns what HAProxy calls itself.
func haproxyVersion(ctx context.Context) (string, error) {
	path, err := exec.LookPath("haproxy")
	if err != nil {
		return "", errors.New(`look for haproxy: not found in PATH: "make bench-gateway" installs it`)
	}
	out, err := exec.CommandContext(ctx, path, "-v").Output()
	if err != nil {
		return "", fmt.Errorf("ask %s for its version: %w", path, err)
	}
	return versionIn(string(out)), nil
}

// versionIn reads the first line of haproxy -v: "HAProxy version 2.6.12-1 2026/10/17 - …".
func versionIn(said string) string {
	words := strings.Fields(said)
	if len(words) < 3 {
		return "HAProxy"
	}
	return words[0] + " " + words[2]
}

// startHAProxy starts HAProxy, with its configuration in dir.
func startHAProxy(ctx context.Context, dir, certificate, server string) (*process, string, error) {
	addr, err := unusedPort()
	if err != nil {
		return nil, "", err
	}
	file := filepath.Join(dir, "haproxy.cfg")
	if err := os.WriteFile(file, []byte(configure(addr, certificate, server)), 0o600); err != nil {
		return nil, "", fmt.Errorf("configure HAProxy: %w", err)
	}
	p, err := launch(ctx, "haproxy", os.Stderr, "haproxy", "-db", "-f", file)
	if err != nil {
		return nil, "", err
	}
	if err := p.reachable(ctx, addr); err != nil {
		return nil, "", errors.Join(err, p.stop())
	}
	return p, addr, nil
}
