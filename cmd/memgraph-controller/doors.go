package main

import (
	"crypto/tls"
	"log/slog"

	"memgraph-controller/internal/certificate"
	"memgraph-controller/internal/config"
	"memgraph-controller/internal/gateway"
	"memgraph-controller/internal/metrics"
)

// encryption is how clients and nodes are spoken to; nil: without TLS.
type encryption struct{ clients, nodes *tls.Config }

// encrypt reads the files that TLS needs.
func encrypt(c config.Config, log *slog.Logger) (e encryption, err error) {
	if c.GatewayTLS {
		pair, err := certificate.New(certificate.Files{Certificate: c.GatewayCertificate, Key: c.GatewayKey, ClientCA: c.GatewayClientCA}, log)
		if err != nil {
			return e, err
		}
		e.clients = pair.Config()
	}
	if c.MemgraphTLS {
		e.nodes = &tls.Config{MinVersion: tls.VersionTLS12}
		if c.MemgraphCA != "" {
			if e.nodes.RootCAs, err = certificate.Roots(c.MemgraphCA); err != nil {
				return e, err
			}
		}
	}
	return e, nil
}

// doorsOf returns the gateway's options.
func doorsOf(c config.Config, l *listeners, e encryption, m *metrics.Metrics) gateway.Options {
	o := gateway.Options{
		ReadWrite: l.write, ReadOnly: l.read, TLS: e.clients, NoReadFallback: !c.ReadFallback,
		AdvertisedReadWrite: c.AdvertisedAddress, AdvertisedReadOnly: c.AdvertisedReadAddress,
		HoldTimeout: c.HoldTimeout, DrainTimeout: c.DrainTimeout, IdleTimeout: c.IdleTimeout,
		MaxConnections: c.MaxConnections, MaxPerAddress: c.MaxPerAddress,
		Held: m.Held, Answered: m.Answered,
	}
	if c.RateLimit {
		o.RatePerAddress, o.BurstPerAddress = float64(c.RateRPS), c.RateBurst
	}
	return o
}
