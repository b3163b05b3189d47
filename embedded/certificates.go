package embedded

import (
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"time"
)

// checkTLS checks both TLS configurations and replaces them by copies that
// the server may change.
func (s *setup) checkTLS() error {
	if s.TLS != nil && s.Listen == "" {
		return errors.New("Config.TLS without Config.Listen: there is no listener that could use it")
	}
	if err := checkCertificates("Config.TLS", s.TLS); err != nil {
		return err
	}
	if err := checkCertificates("Config.Cluster.TLS", s.Cluster.TLS); err != nil {
		return err
	}
	s.TLS = s.TLS.Clone()
	if s.Cluster.TLS == nil {
		return nil
	}
	// A member is both client and server of the others, so what it trusts as
	// the one it trusts as the other.
	s.Cluster.TLS = s.Cluster.TLS.Clone()
	s.Cluster.TLS.ClientAuth = tls.RequireAndVerifyClientCert
	if s.Cluster.TLS.ClientCAs == nil {
		s.Cluster.TLS.ClientCAs = s.Cluster.TLS.RootCAs
	}
	return nil
}

// checkCertificates reports what would make every handshake with c fail, or
// be worth nothing: at start, rather than at the first client's attempt.
func checkCertificates(field string, c *tls.Config) error {
	if c == nil {
		return nil
	}
	for _, v := range []uint16{c.MinVersion, c.MaxVersion} {
		if v != 0 && v < tls.VersionTLS12 {
			return fmt.Errorf("%s allows %s: want TLS 1.2 or later", field, tls.VersionName(v))
		}
	}
	if len(c.Certificates) == 0 && c.GetCertificate == nil && c.GetConfigForClient == nil {
		return fmt.Errorf("%s has no certificate: set Certificates, as tls.LoadX509KeyPair returns it", field)
	}
	for _, cert := range c.Certificates {
		if err := checkCertificate(cert); err != nil {
			return fmt.Errorf("%s: %w", field, err)
		}
	}
	return nil
}

func checkCertificate(cert tls.Certificate) error {
	if len(cert.Certificate) == 0 || cert.PrivateKey == nil {
		return errors.New("a certificate or its private key is missing")
	}
	leaf := cert.Leaf
	if leaf == nil {
		var err error
		if leaf, err = x509.ParseCertificate(cert.Certificate[0]); err != nil {
			return fmt.Errorf("certificate cannot be read: %w", err)
		}
	}
	if now := time.Now(); now.After(leaf.NotAfter) {
		return fmt.Errorf("certificate of %q expired on %s: renew it", leaf.Subject, leaf.NotAfter.Format(time.DateOnly))
	}
	key, ok := cert.PrivateKey.(crypto.Signer)
	public, comparable := leaf.PublicKey.(interface{ Equal(crypto.PublicKey) bool })
	if ok && comparable && !public.Equal(key.Public()) {
		return fmt.Errorf("certificate of %q does not belong to its private key", leaf.Subject)
	}
	return nil
}

// verifiesClients says whether a client needs a certificate that c trusts.
func verifiesClients(c *tls.Config) bool {
	return c != nil && c.ClientAuth == tls.RequireAndVerifyClientCert
}
