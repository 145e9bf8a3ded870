//go:build e2e

package e2e

import (
	"context"
	"crypto/tls"
	"errors"
	"testing"
	"time"

	"github.com/neo4j/neo4j-go-driver/v5/neo4j"
	"github.com/neo4j/neo4j-go-driver/v5/neo4j/config"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"memgraph-controller/test/selfsigned"
)

// TestTLSOnEveryHop: from clients to the doors and from there to the nodes, all verified,
// before and after a failover.
func TestTLSOnEveryHop(t *testing.T) {
	ctx := t.Context()
	r := place.NewRelease("e2e-tls", "tls", "memgraph.tls.secretName=nodes", "controller.gatewayTLS.secretName=doors")
	t.Cleanup(func() {
		if err := r.Erase(context.WithoutCancel(ctx)); err != nil {
			t.Error(err)
		}
	})
	diagnosed(t, r)
	must(t, r.Erase(ctx))
	_, err := place.API.CoreV1().Namespaces().Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: r.Namespace}}, metav1.CreateOptions{})
	must(t, err)
	keep(t, r, "nodes", "*."+r.Name+"-memgraph."+r.Namespace+".svc")
	trusted := keep(t, r, "doors", "127.0.0.1")
	must(t, r.Helm(ctx))
	must(t, r.Settle(ctx, settled))

	door, err := place.relay(ctx, r.Gateway())
	must(t, err)
	t.Cleanup(door.close)
	driver, err := neo4j.NewDriverWithContext("bolt+s://"+door.addr(), neo4j.NoAuth(), func(c *config.Config) {
		c.TlsConfig = &tls.Config{RootCAs: selfsigned.Trust(trusted), MinVersion: tls.VersionTLS12}
	})
	must(t, err)
	t.Cleanup(func() { _ = driver.Close(context.WithoutCancel(ctx)) })
	writes(t, driver, 1)
	main := get(t, r.Main)
	if place.Lab != nil {
		must(t, place.Lab.Kill(ctx, r.Namespace, main, Memgraph))
	} else {
		must(t, place.API.CoreV1().Pods(r.Namespace).Delete(ctx, main, metav1.DeleteOptions{}))
	}
	writes(t, driver, 2)
	moved(t, r, main)

	plain, err := neo4j.NewDriverWithContext("bolt://"+door.addr(), neo4j.NoAuth())
	must(t, err)
	defer func() { _ = plain.Close(context.WithoutCancel(ctx)) }()
	if err := plain.VerifyConnectivity(ctx); err == nil {
		t.Error("a client without TLS is served")
	}
	must(t, r.Settle(ctx, settled))
}

// keep makes a certificate and keeps it in a Secret, as its own authority.
func keep(t *testing.T, r *Release, secret, name string) (cert []byte) {
	t.Helper()
	cert, key, err := selfsigned.New(name)
	must(t, err)
	_, err = place.API.CoreV1().Secrets(r.Namespace).Create(t.Context(), &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: secret}, Type: corev1.SecretTypeTLS,
		Data: map[string][]byte{"tls.crt": cert, "tls.key": key, "ca.crt": cert},
	}, metav1.CreateOptions{})
	must(t, err)
	return cert
}

// writes adds a node, and wants as many of them to be there as were added.
func writes(t *testing.T, driver neo4j.DriverWithContext, sum int64) {
	t.Helper()
	must(t, Until(t.Context(), time.Minute, "a write", func(ctx context.Context) error {
		session := driver.NewSession(ctx, neo4j.SessionConfig{})
		defer func() { _ = session.Close(ctx) }()
		there, err := neo4j.ExecuteWrite(ctx, session, func(tx neo4j.ManagedTransaction) (int64, error) {
			if _, err := tx.Run(ctx, "MERGE (:Secured {n: $n})", map[string]any{"n": sum}); err != nil {
				return 0, err
			}
			result, err := tx.Run(ctx, "MATCH (s:Secured) RETURN count(s) AS n", nil)
			if err != nil {
				return 0, err
			}
			row, err := result.Single(ctx)
			if err != nil {
				return 0, err
			}
			n, _, err := neo4j.GetRecordValue[int64](row, "n")
			return n, err
		})
		if err == nil && there != sum {
			err = errors.New("an acknowledged write is gone")
		}
		return err
	}))
}
