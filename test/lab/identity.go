package lab

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// identity is who may talk to the API server: user and groups by a fixed token.
type identity struct {
	name   string // of the kubeconfig
	user   string
	groups string
}

func identities() []identity {
	all := []identity{
		{"admin", "admin", "system:masters"},
		{"kube-controller-manager", "system:kube-controller-manager", ""},
		{"kube-scheduler", "system:kube-scheduler", ""},
		{"kube-proxy", "system:kube-proxy", ""},
		{"lab-netpol", "lab:netpol", ""},
		{"lab-provisioner", "lab:provisioner", ""},
		{"coredns", "lab:coredns", ""},
	}
	for n := 1; n <= MaxNodes; n++ {
		name := nodeName(n)
		all = append(all, identity{name, "system:node:" + name, "system:nodes"})
	}
	return all
}

// secrets are the files that the control plane needs.
type secrets struct{ dir string }

func (s secrets) authority() string       { return filepath.Join(s.dir, "ca.crt") }
func (s secrets) certificate() string     { return filepath.Join(s.dir, "apiserver.crt") }
func (s secrets) key() string             { return filepath.Join(s.dir, "apiserver.key") }
func (s secrets) serviceAccounts() string { return filepath.Join(s.dir, "service-accounts.key") }
func (s secrets) tokens() string          { return filepath.Join(s.dir, "tokens.csv") }

var labSecrets = secrets{dir: filepath.Join(diskDir, "secrets")}

// makeIdentities makes certificates, tokens and kubeconfigs, once a lab.
func makeIdentities() error {
	if exists(labSecrets.tokens()) { // written last
		return nil
	}
	for _, dir := range []string{labSecrets.dir, filepath.Dir(kubeconfigPath(""))} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return fmt.Errorf("make identities: %w", err)
		}
	}
	authority, err := labSecrets.makeCertificates()
	if err != nil {
		return err
	}
	var tokens strings.Builder
	for _, who := range identities() {
		secret := make([]byte, 16)
		if _, err := rand.Read(secret); err != nil {
			return fmt.Errorf("make token: %w", err)
		}
		token := hex.EncodeToString(secret)
		fmt.Fprintf(&tokens, "%s,%s,%s", token, who.user, who.user)
		if who.groups != "" {
			fmt.Fprintf(&tokens, ",%q", who.groups)
		}
		tokens.WriteByte('\n')
		if err := clientcmd.WriteToFile(kubeconfig(authority, token), kubeconfigPath(who.name)); err != nil {
			return fmt.Errorf("write kubeconfig of %s: %w", who.name, err)
		}
	}
	return writeFile(labSecrets.tokens(), []byte(tokens.String()), 0o600)
}

func kubeconfig(authority []byte, token string) clientcmdapi.Config {
	c := clientcmdapi.NewConfig()
	c.Clusters["lab"] = &clientcmdapi.Cluster{Server: apiURL, CertificateAuthorityData: authority}
	c.AuthInfos["lab"] = &clientcmdapi.AuthInfo{Token: token}
	c.Contexts["lab"] = &clientcmdapi.Context{Cluster: "lab", AuthInfo: "lab"}
	c.CurrentContext = "lab"
	return *c
}

// makeCertificates returns the authority's certificate in PEM.
func (s secrets) makeCertificates() ([]byte, error) {
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make key: %w", err)
	}
	from := time.Now().Add(-time.Hour)
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "lab"},
		NotBefore: from, NotAfter: from.AddDate(10, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	caDER, err := x509.CreateCertificate(rand.Reader, ca, ca, &caKey.PublicKey, caKey)
	if err != nil {
		return nil, fmt.Errorf("make certificate authority: %w", err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make key: %w", err)
	}
	server := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "kube-apiserver"},
		NotBefore: from, NotAfter: from.AddDate(10, 0, 0),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames:    []string{"localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc." + domain},
		IPAddresses: []net.IP{net.ParseIP(controlIP), net.ParseIP(serviceAPIIP), net.ParseIP("127.0.0.1")},
	}
	serverDER, err := x509.CreateCertificate(rand.Reader, server, ca, &key.PublicKey, caKey)
	if err != nil {
		return nil, fmt.Errorf("make certificate: %w", err)
	}
	tokens, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make key: %w", err)
	}
	authority := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: caDER})
	if err := writeFile(s.authority(), authority, 0o600); err != nil {
		return nil, err
	}
	if err := writeFile(s.certificate(), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: serverDER}), 0o600); err != nil {
		return nil, err
	}
	for path, key := range map[string]*ecdsa.PrivateKey{s.key(): key, s.serviceAccounts(): tokens} {
		if err := writeKey(path, key); err != nil {
			return nil, err
		}
	}
	return authority, nil
}

func writeKey(path string, key *ecdsa.PrivateKey) error {
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return fmt.Errorf("encode key %s: %w", path, err)
	}
	return writeFile(path, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}), 0o600)
}
