package certificate

import (
	"bytes"
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"memgraph-controller/test/selfsigned"
)

// issue makes a certificate for name that vouches for itself.
func issue(t *testing.T, name string) (cert, key []byte) {
	t.Helper()
	cert, key, err := selfsigned.New(name)
	if err != nil {
		t.Fatal(err)
	}
	return cert, key
}

// files writes a pair for name, as a Secret that is mounted has it: behind a link.
func files(t *testing.T, name string) (Files, func(cert, key []byte)) {
	t.Helper()
	dir := t.TempDir()
	version := 0
	put := func(cert, key []byte) {
		t.Helper()
		version++
		sub := filepath.Join(dir, string(rune('a'+version)))
		link := filepath.Join(dir, "data")
		if err := os.Mkdir(sub, 0o700); err != nil {
			t.Fatal(err)
		}
		for file, text := range map[string][]byte{"tls.crt": cert, "tls.key": key} {
			if err := os.WriteFile(filepath.Join(sub, file), text, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		_ = os.Remove(link)
		if err := os.Symlink(sub, link); err != nil {
			t.Fatal(err)
		}
	}
	put(issue(t, name))
	return Files{Certificate: filepath.Join(dir, "data", "tls.crt"), Key: filepath.Join(dir, "data", "tls.key")}, put
}

// shown shakes hands, says a byte each way, and returns whose certificate the server has
// shown.
func shown(t *testing.T, p *Pair, as *tls.Config) (string, error) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	go func() {
		conn, err := ln.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
		server := tls.Server(conn, p.Config())
		_, _ = io.CopyN(server, server, 1)
	}()
	raw, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	_ = raw.SetDeadline(time.Now().Add(5 * time.Second))
	as.InsecureSkipVerify = true
	client := tls.Client(raw, as)
	if _, err := client.Write([]byte{1}); err != nil {
		return "", err
	}
	if _, err := io.ReadFull(client, make([]byte, 1)); err != nil {
		return "", err
	}
	return client.ConnectionState().PeerCertificates[0].Subject.CommonName, nil
}

func wants(t *testing.T, p *Pair, want string) {
	t.Helper()
	if got, err := shown(t, p, &tls.Config{}); err != nil || got != want {
		t.Fatalf("shown the certificate of %q, %v; want %q", got, err, want)
	}
}

// later lets the next client come when the files are looked at again.
func later(p *Pair) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.looked = p.looked.Add(-every)
}

func TestReplacedPairIsShown(t *testing.T) {
	f, put := files(t, "first")
	var log bytes.Buffer
	p, err := New(f, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	wants(t, p, "first")
	put(issue(t, "second"))
	wants(t, p, "first") // not looked at yet
	later(p)
	wants(t, p, "second")
	if !strings.Contains(log.String(), "certificate replaced") {
		t.Errorf("log %q", &log)
	}

	// A key that is of another pair, then none at all: the last good one stays, and
	// it is said once each time.
	cert, _ := issue(t, "third")
	_, key := issue(t, "fourth")
	put(cert, key)
	for range 3 {
		later(p)
		wants(t, p, "second")
	}
	if n := strings.Count(log.String(), "not replaced"); n != 1 {
		t.Errorf("told %d times, want once: %s", n, &log)
	}
	if err := os.Remove(f.Key); err != nil {
		t.Fatal(err)
	}
	later(p)
	wants(t, p, "second")
	put(issue(t, "fifth"))
	later(p)
	wants(t, p, "fifth")
}

func TestClientsNeedACertificateIfOneVouches(t *testing.T) {
	f, _ := files(t, "server")
	friend, key := issue(t, "friend")
	f.ClientCA = filepath.Join(t.TempDir(), "ca.crt")
	if err := os.WriteFile(f.ClientCA, friend, 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := New(f, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.X509KeyPair(friend, key)
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := tls.X509KeyPair(issue(t, "stranger"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := shown(t, p, &tls.Config{Certificates: []tls.Certificate{pair}}); err != nil {
		t.Errorf("with a certificate of the authority: %v", err)
	}
	for name, own := range map[string][]tls.Certificate{"with none": nil, "with one of its own": {stranger}} {
		if _, err := shown(t, p, &tls.Config{Certificates: own}); err == nil {
			t.Errorf("a client %s was let in", name)
		}
	}
}

func TestFilesThatCannotBeUsed(t *testing.T) {
	good, _ := files(t, "x")
	other, _ := files(t, "y")
	empty := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(empty, []byte("nothing"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, f := range map[string]Files{
		"no certificate":    {Certificate: "/nowhere/tls.crt", Key: good.Key},
		"key of another":    {Certificate: good.Certificate, Key: other.Key},
		"no authority":      {Certificate: good.Certificate, Key: good.Key, ClientCA: empty},
		"authority missing": {Certificate: good.Certificate, Key: good.Key, ClientCA: "/nowhere/ca.crt"},
	} {
		_, err := New(f, slog.New(slog.DiscardHandler))
		if err == nil || !strings.Contains(err.Error(), "read") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestOldVersionsOfTLSAreRefused(t *testing.T) {
	f, _ := files(t, "x")
	p, err := New(f, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := shown(t, p, &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}); err == nil {
		t.Error("TLS 1.1 was spoken")
	}
}
