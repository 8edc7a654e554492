package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// A cluster lives for a day's work; its certificates outlive it, and bear a clock that is somewhat off.
const (
	certificateLife  = 365 * 24 * time.Hour
	certificateSlack = time.Hour
)

// authority is the cluster's certificate authority. Certificates and keys go to PEM files in its folder.
type authority struct {
	dir         string
	key         crypto.Signer
	certificate *x509.Certificate
}

// subject is who a certificate is for: Kubernetes reads the common name as the user and organizations as its groups.
type subject struct {
	user   string
	groups []string
	names  []string // DNS names that it serves under
	ips    []net.IP
}

// newAuthority makes an authority whose certificate is dir/ca.crt.
func newAuthority(dir string) (*authority, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		Subject:               pkix.Name{CommonName: "mesh-test-cluster"},
		NotBefore:             time.Now().Add(-certificateSlack),
		NotAfter:              time.Now().Add(certificateLife),
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign | x509.KeyUsageDigitalSignature,
	}
	der, err := sign(template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	a := &authority{dir: dir, key: key, certificate: certificate}
	return a, a.write("ca", der, key)
}

// readAuthority reads what newAuthority wrote.
func readAuthority(dir string) (*authority, error) {
	pair, err := tls.LoadX509KeyPair(filepath.Join(dir, "ca.crt"), filepath.Join(dir, "ca.key"))
	if err != nil {
		return nil, err
	}
	return &authority{dir: dir, key: pair.PrivateKey.(crypto.Signer), certificate: pair.Leaf}, nil
}

// issue makes a certificate for clients and servers, NAME.crt with its key NAME.key.
func (a *authority) issue(name string, who subject) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	der, err := sign(&x509.Certificate{
		Subject:     pkix.Name{CommonName: who.user, Organization: who.groups},
		NotBefore:   time.Now().Add(-certificateSlack),
		NotAfter:    time.Now().Add(certificateLife),
		DNSNames:    who.names,
		IPAddresses: who.ips,
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}, a.certificate, key.Public(), a.key)
	if err != nil {
		return err
	}
	return a.write(name, der, key)
}

// serviceAccountKeys makes the pair that signs and checks service-account tokens: sa.key and sa.pub. RSA, since the
// tokens' RS256 is what every reader of them understands.
func (a *authority) serviceAccountKeys() error {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return err
	}
	if err := writePEM(a.file("sa.pub"), "PUBLIC KEY", public); err != nil {
		return err
	}
	return writeKey(a.file("sa.key"), key)
}

// client is a TLS configuration that speaks as the holder of NAME.crt.
func (a *authority) client(name string) (*tls.Config, error) {
	pair, err := tls.LoadX509KeyPair(a.file(name+".crt"), a.file(name+".key"))
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AddCert(a.certificate)
	return &tls.Config{Certificates: []tls.Certificate{pair}, RootCAs: roots}, nil
}

func (a *authority) file(name string) string {
	return filepath.Join(a.dir, name)
}

func (a *authority) write(name string, der []byte, key crypto.Signer) error {
	if err := writePEM(a.file(name+".crt"), "CERTIFICATE", der); err != nil {
		return err
	}
	return writeKey(a.file(name+".key"), key)
}

func sign(template, parent *x509.Certificate, public crypto.PublicKey, key crypto.Signer) ([]byte, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, err
	}
	template.SerialNumber = serial
	return x509.CreateCertificate(rand.Reader, template, parent, public, key)
}

func writeKey(file string, key crypto.Signer) error {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return writePEM(file, "PRIVATE KEY", der)
}

func writePEM(file, kind string, der []byte) error {
	return os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600)
}
