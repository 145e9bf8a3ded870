package gateway

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
)

// secure has a client shake hands for TLS, if the doors speak that. What goes wrong is
// told in the log: the client is told by TLS itself, or speaks something else.
func (g *Gateway) secure(ctx context.Context, door Door, client net.Conn) (net.Conn, error) {
	if g.opt.TLS == nil {
		return client, nil
	}
	defer bound(ctx, client, g.opt.HandshakeTimeout)()
	conn := tls.Server(client, g.opt.TLS)
	err := conn.HandshakeContext(ctx)
	if err == nil {
		return conn, nil
	}
	g.count(func(c *counts) { c.insecure++ })
	var plain tls.RecordHeaderError
	switch {
	case errors.As(err, &plain) && plain.Conn != nil:
		g.complain("a client speaks without TLS at a door that wants it: bolt+s:// and neo4j+s:// do, or +ssc for a certificate that nobody vouches for", "door", door, "from", origin(client))
	default:
		g.complain("a client has not come to terms about TLS", "door", door, "from", origin(client), "err", err)
	}
	return nil, err
}

// speaksTLS reports whether first bytes are the beginning of a TLS handshake.
func speaksTLS(first []byte) bool {
	return len(first) >= 2 && first[0] == 0x16 && first[1] == 0x03 // handshake, version 3.x: RFC 8446, 5.1
}
