package embedded

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
)

// authority signs certificates for 127.0.0.1.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pool *x509.CertPool
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{key: newKey(t), pool: x509.NewCertPool()}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, a.key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	a.pool.AddCert(a.cert)
	return a
}

func (a *authority) sign(t *testing.T, until time.Time) tls.Certificate {
	t.Helper()
	key := newKey(t)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "server"},
		NotBefore: time.Now().Add(-2 * time.Hour), NotAfter: until,
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func (a *authority) server(t *testing.T) *tls.Config {
	t.Helper()
	return &tls.Config{Certificates: []tls.Certificate{a.sign(t, time.Now().Add(time.Hour))}}
}

func (a *authority) client() *tls.Config { return &tls.Config{RootCAs: a.pool} }

func (a *authority) expired(t *testing.T) *tls.Config {
	t.Helper()
	return &tls.Config{Certificates: []tls.Certificate{a.sign(t, time.Now().Add(-time.Hour))}}
}

func (a *authority) mismatched(t *testing.T) *tls.Config {
	t.Helper()
	c := a.server(t)
	c.Certificates[0].PrivateKey = newKey(t)
	return c
}

func TestTLS(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	s := run(t, Config{Listen: "127.0.0.1:0", TLS: ca.server(t), Auth: Auth{Token: "open sesame"}})
	if !strings.HasPrefix(s.URL(), "tls://127.0.0.1:") {
		t.Errorf("URL() = %q, want one with the scheme tls", s.URL())
	}
	// Within the process there is no TLS.
	pass(t, dial(t, s.URL(), nats.Secure(ca.client()), nats.Token("open sesame")), dialLocal(t, s, ""))

	for name, opts := range map[string][]nats.Option{
		"another authority": {nats.Secure(newAuthority(t).client()), nats.Token("open sesame")},
		"no authority":      {nats.Token("open sesame")},
	} {
		nc, err := nats.Connect(s.URL(), opts...)
		if err == nil {
			nc.Close()
			t.Errorf("Connect(%s) = nil, want an error", name)
		} else if !strings.Contains(err.Error(), "certificate") {
			t.Errorf("Connect(%s) = %q, want an error about the certificate", name, err)
		}
	}
}

func TestTLSVerifiesClients(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	config := ca.server(t)
	config.ClientAuth, config.ClientCAs = tls.RequireAndVerifyClientCert, ca.pool
	s := run(t, Config{Listen: "127.0.0.1:0", TLS: config})
	known := ca.server(t)
	known.RootCAs = ca.pool
	pass(t, dial(t, s.URL(), nats.Secure(known)), dialLocal(t, s, ""))

	nc, err := nats.Connect(s.URL(), nats.Secure(ca.client()))
	if err == nil {
		nc.Close()
		t.Error("Connect(no certificate) = nil, want an error")
	}
}
