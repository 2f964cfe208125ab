package cluster

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"time"

	"k8s.io/client-go/rest"
)

func (c *Cluster) caFile() string { return filepath.Join(c.Dir, "ca.crt") }

// writeCA makes the authority whose client certificates the API server trusts.
func (c *Cluster) writeCA() error {
	keyFile := filepath.Join(c.Dir, "ca.key")
	if err := writeKey(keyFile); err != nil {
		return err
	}
	text, err := os.ReadFile(keyFile)
	if err != nil {
		return err
	}
	block, _ := pem.Decode(text)
	key, err := x509.ParseECPrivateKey(block.Bytes)
	if err != nil {
		return err
	}
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "klock-e2e"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, ca, ca, key.Public(), key)
	if err != nil {
		return err
	}
	return os.WriteFile(c.caFile(), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600)
}

// SignRequest returns the PEM of a request for a client certificate of a member of the groups, and its key.
func SignRequest(name string, groups ...string) (request []byte, key *ecdsa.PrivateKey, err error) {
	if key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		return nil, nil, err
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: name, Organization: groups}}, key)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}), key, err
}

// Issue signs a client certificate with the authority's key, past every API.
func (c *Cluster) Issue(name string) (certificate []byte, key *ecdsa.PrivateKey, err error) {
	pair, err := tls.LoadX509KeyPair(c.caFile(), filepath.Join(c.Dir, "ca.key"))
	if err != nil {
		return nil, nil, err
	}
	if key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		return nil, nil, err
	}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}, pair.Leaf, key.Public(), pair.PrivateKey)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), key, err
}

// WithToken is the configuration of whoever holds the token.
func (c *Cluster) WithToken(token string) *rest.Config {
	config := rest.CopyConfig(c.Config)
	config.BearerToken = token
	return config
}

// WithTokenOf is the configuration of one of the Users.
func (c *Cluster) WithTokenOf(name string) *rest.Config { return c.WithToken(userToken(name)) }

// WithCertificate is the configuration of whoever holds the client certificate.
func (c *Cluster) WithCertificate(certificate []byte, key *ecdsa.PrivateKey) (*rest.Config, error) {
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, err
	}
	config := rest.CopyConfig(c.Config)
	config.BearerToken = ""
	config.CertData = certificate
	config.KeyData = pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der})
	return config, nil
}
