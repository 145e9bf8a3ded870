package memgraph

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/neo4j/neo4j-go-driver/v5/neo4j"
)

// secure returns the TLS configuration for the node at addr, nil for plain TCP. It
// verifies that the node shows a certificate for its host name, wherever it is reached:
// the driver puts the address that it dials in place of ServerName, and skips its own
// verification if it is told to (bolt+ssc), but leaves VerifyConnection alone (5.28).
func (l login) secure(addr string) (*tls.Config, error) {
	if l.tls == nil {
		return nil, nil
	}
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	config := l.tls.Clone()
	config.ServerName = host
	config.InsecureSkipVerify = true //nolint:gosec // VerifyConnection does it
	config.VerifyConnection = func(s tls.ConnectionState) error { return verify(s.PeerCertificates, host, l.tls.RootCAs) }
	return config, nil
}

// distrusts is how errors of verify begin: the driver passes on their text alone.
const distrusts = "certificate not accepted for "

// verify reports why the chain, leaf first, does not vouch for host.
func verify(chain []*x509.Certificate, host string, roots *x509.CertPool) error {
	if len(chain) == 0 {
		return errors.New(distrusts + host + ": there is none")
	}
	between := x509.NewCertPool()
	for _, c := range chain[1:] {
		between.AddCert(c)
	}
	_, err := chain[0].Verify(x509.VerifyOptions{DNSName: host, Roots: roots, Intermediates: between})
	if err != nil {
		return fmt.Errorf(distrusts+"%s: %w", host, err)
	}
	return nil
}

// insecure says why there is no TLS with a node that was reached, "" if that is not what
// err is about.
func (n *node) insecure(err error) string {
	var broken *neo4j.ConnectivityError
	if n.login.tls == nil || !errors.As(err, &broken) {
		return ""
	}
	text := broken.Inner.Error()
	switch {
	case strings.HasPrefix(text, distrusts):
		return fmt.Sprintf("%s: give %s one for its name, of an authority that this controller trusts (MEMGRAPH_TLS_CA_PATH)", text, n.Name)
	case strings.HasPrefix(text, "tls: "), strings.HasPrefix(text, "remote error: tls: "):
		return fmt.Sprintf("has not come to terms about TLS (%s): turn it off for the controller, or on for %s", text, n.Bolt)
	}
	return ""
}
