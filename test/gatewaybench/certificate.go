package main

import (
	"crypto/tls"
	"fmt"
	"os"
	"slices"

	"memgraph-controller/test/selfsigned"
)

// makeCertificate writes a certificate for 127.0.0.1 and its key to file, as HAProxy
// wants them, and returns what its clients trust. They offer what OpenSSL 3.0 has, too:
// who could agree on more, such as a key exchange against quantum computers, would be
// charged for it.
func makeCertificate(file string) (*tls.Config, error) {
	cert, key, err := selfsigned.New("127.0.0.1")
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(file, slices.Concat(cert, key), 0o600); err != nil {
		return nil, fmt.Errorf("keep a certificate: %w", err)
	}
	return &tls.Config{
		RootCAs: selfsigned.Trust(cert), ServerName: "127.0.0.1",
		MinVersion: tls.VersionTLS13, CurvePreferences: []tls.CurveID{tls.X25519},
	}, nil
}

// loadCertificate reads what makeCertificate has written; nil if file is empty.
func loadCertificate(file string) (*tls.Config, error) {
	if file == "" {
		return nil, nil
	}
	c, err := tls.LoadX509KeyPair(file, file)
	if err != nil {
		return nil, fmt.Errorf("--certificate %s: %w", file, err)
	}
	return &tls.Config{Certificates: []tls.Certificate{c}, MinVersion: tls.VersionTLS13}, nil
}
