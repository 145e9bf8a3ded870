// Package certificate has a TLS server use key pairs from files, as they are now: what
// is replaced there counts from the next handshake on, without a restart.
//
// It promises to start with nothing but a valid pair, and never to give up a valid one
// for what cannot be used: then the last one stays, and the log says why. It watches
// nothing by itself: files are looked at when a client comes, at most once a second. It
// does not ask anybody whether a certificate was revoked.
package certificate

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"sync"
	"time"
)

// every is how often files are looked at, at most.
const every = time.Second

// Files are where a server's pair is, in PEM, and who vouches for its clients.
type Files struct {
	Certificate string // with the chain behind it
	Key         string
	ClientCA    string // clients must have a certificate of one of these; empty: they need none
}

// Pair is what the files held when they were last valid. It is safe for concurrent use.
type Pair struct {
	files Files
	log   *slog.Logger

	mu     sync.Mutex
	looked time.Time
	state  [3]stamp // of the files when they were last read
	config *tls.Config
}

// stamp tells one content of a file from the next.
type stamp struct {
	changed time.Time
	size    int64
}

// New reads the files. Its error names the one that cannot be used.
func New(files Files, log *slog.Logger) (*Pair, error) {
	p := &Pair{files: files, log: log, looked: time.Now()}
	p.state, _ = files.stat()
	var err error
	p.config, err = files.read()
	if err != nil {
		return nil, err
	}
	return p, nil
}

// Config is for a TLS server: TLS 1.2 or later, and each client is shown what the files
// held last. It may be used by many.
func (p *Pair) Config() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return p.current(), nil }}
}

// current returns the configuration for the next client.
func (p *Pair) current() *tls.Config {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if now.Sub(p.looked) < every {
		return p.config
	}
	p.looked = now
	state, err := p.files.stat()
	if err == nil && state == p.state {
		return p.config
	}
	if err == nil {
		var next *tls.Config
		if next, err = p.files.read(); err == nil {
			p.config = next
			p.log.Info("certificate replaced", "file", p.files.Certificate, "expires", next.Certificates[0].Leaf.NotAfter.UTC())
		}
	}
	if err != nil && state != p.state {
		p.log.Error("certificate not replaced: the one before is still shown", "err", err)
	}
	p.state = state
	return p.config
}

// stat returns the stamps of the files. Those of a Secret are links, which are followed.
func (f Files) stat() (state [3]stamp, err error) {
	for i, name := range []string{f.Certificate, f.Key, f.ClientCA} {
		if name == "" {
			continue
		}
		var info fs.FileInfo
		if info, err = os.Stat(name); err != nil {
			return state, err
		}
		state[i] = stamp{info.ModTime(), info.Size()}
	}
	return state, nil
}

func (f Files) read() (*tls.Config, error) {
	pair, err := tls.LoadX509KeyPair(f.Certificate, f.Key)
	if err != nil {
		return nil, fmt.Errorf("read the certificate %s with the key %s: %w: want both in PEM, and of one pair", f.Certificate, f.Key, err)
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}}
	if f.ClientCA == "" {
		return config, nil
	}
	if config.ClientCAs, err = Roots(f.ClientCA); err != nil {
		return nil, err
	}
	config.ClientAuth = tls.RequireAndVerifyClientCert
	return config, nil
}

// Roots reads the certificates of those who vouch for others, in PEM.
func Roots(file string) (*x509.CertPool, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read certificates of authorities: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("read certificates of authorities in %s: it holds none in PEM", file)
	}
	return pool, nil
}
