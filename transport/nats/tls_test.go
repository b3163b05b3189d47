package nats_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	atnats "github.com/atasks-io/atasks/transport/nats"
)

// authority signs certificates.
type authority struct {
	t    *testing.T
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{t: t}
	a.cert, a.key = a.sign(&x509.Certificate{
		Subject: pkix.Name{CommonName: "authority"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	})
	return a
}

func (a *authority) sign(c *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	c.SerialNumber = big.NewInt(time.Now().UnixNano())
	c.NotBefore, c.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	parent, parentKey := a.cert, a.key
	if parent == nil {
		parent, parentKey = c, key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, parentKey)
	if err != nil {
		a.t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return cert, key
}

// pair signs a certificate for 127.0.0.1.
func (a *authority) pair() (tls.Certificate, *x509.Certificate, *ecdsa.PrivateKey) {
	cert, key := a.sign(&x509.Certificate{
		Subject: pkix.Name{CommonName: "leaf"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	})
	return tls.Certificate{Certificate: [][]byte{cert.Raw}, PrivateKey: key}, cert, key
}

func (a *authority) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return pool
}

// write writes a PEM file and returns its name.
func (a *authority) write(kind string, der []byte) string {
	a.t.Helper()
	name := filepath.Join(a.t.TempDir(), "file.pem")
	if err := os.WriteFile(name, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		a.t.Fatal(err)
	}
	return name
}

func TestTLS(t *testing.T) {
	t.Parallel()
	ours, foreign := newAuthority(t), newAuthority(t)
	serverPair, _, _ := ours.pair()
	_, clientCert, clientKey := ours.pair()
	keyDER, err := x509.MarshalECPrivateKey(clientKey)
	if err != nil {
		t.Fatal(err)
	}
	roots := ours.write("CERTIFICATE", ours.cert.Raw)
	cert, key := ours.write("CERTIFICATE", clientCert.Raw), ours.write("EC PRIVATE KEY", keyDER)

	secure := start(t, server.Options{TLSConfig: &tls.Config{Certificates: []tls.Certificate{serverPair}, MinVersion: tls.VersionTLS12}, TLSTimeout: 5}).Addr().String()
	mutual := start(t, server.Options{TLSConfig: &tls.Config{
		Certificates: []tls.Certificate{serverPair}, MinVersion: tls.VersionTLS12,
		ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: ours.pool(),
	}, TLSVerify: true, TLSTimeout: 5}).Addr().String()

	for _, tt := range []struct {
		name, url string
		opts      []atnats.Option
		want      string // in the error; empty: it succeeds
	}{
		{"root certificates", "tls://" + secure, []atnats.Option{atnats.RootCAs(roots)}, ""},
		{"root certificates make it TLS", "nats://" + secure, []atnats.Option{atnats.RootCAs(roots)}, ""},
		{"configuration", "nats://" + secure, []atnats.Option{atnats.TLS(&tls.Config{RootCAs: ours.pool(), MinVersion: tls.VersionTLS12})}, ""},
		{"client certificate", "tls://" + mutual, []atnats.Option{atnats.RootCAs(roots), atnats.ClientCert(cert, key)}, ""},
		{"unknown authority", "tls://" + secure, nil, "check the root certificates"},
		{"unknown authority, and no word of TLS", "nats://" + secure, nil, "check the root certificates"},
		{"foreign authority", "tls://" + secure, []atnats.Option{atnats.TLS(&tls.Config{RootCAs: foreign.pool(), MinVersion: tls.VersionTLS12})}, "check the root certificates"},
		{"another name", "tls://" + secure, []atnats.Option{atnats.TLS(&tls.Config{RootCAs: ours.pool(), ServerName: "other", MinVersion: tls.VersionTLS12})}, "the name in the server's certificate"},
		{"no configuration", "nats://" + secure, []atnats.Option{atnats.TLS(nil)}, "TLS has failed"},
		{"no client certificate", "tls://" + mutual, []atnats.Option{atnats.RootCAs(roots)}, "client certificate"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c, err := atnats.Connect(soon(t), tt.url, tt.opts...)
			if err == nil {
				defer c.Close()
			}
			switch {
			case tt.want == "" && err != nil:
				t.Errorf("Connect() = %v, want nil", err)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("Connect() = %v, want an error with %q", err, tt.want)
			}
		})
	}
}
