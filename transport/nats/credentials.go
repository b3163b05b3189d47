package nats

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"
)

// Credentials in the URL, as in nats://user:password@host or
// nats://token@host, count over those given as options.

// UserPassword authenticates with a user and a password.
func UserPassword(user, password string) Option {
	return func(s *settings) { s.add(nats.UserInfo(user, password)) }
}

// Token authenticates with a token.
func Token(token string) Option {
	return func(s *settings) { s.add(nats.Token(token)) }
}

// CredentialsFile authenticates with a .creds file, which holds a JWT and the
// seed that goes with it. The file is read again at each reconnect, so it may
// be renewed meanwhile.
func CredentialsFile(path string) Option {
	return credentials(fmt.Sprintf("credentials file %q", path), nats.UserCredentials(path))
}

// CredentialsBytes authenticates with what a .creds file holds. It takes a
// copy.
func CredentialsBytes(creds []byte) Option {
	return credentials("credentials", nats.UserCredentialBytes(bytes.Clone(creds)))
}

// credentials applies opt and tries out what it has set, which the client would
// do only once it is connected.
func credentials(name string, opt nats.Option) Option {
	return func(s *settings) {
		s.add(func(o *nats.Options) error {
			err := opt(o)
			if err == nil {
				_, err = o.SignatureCB([]byte("nonce"))
			}
			var file *fs.PathError
			switch {
			case errors.As(err, &file):
				return fmt.Errorf("%s: %w", name, file.Err)
			case err != nil: // not repeated: it may hold what was read
				return fmt.Errorf("%s: no JWT and seed in it: want what nsc writes to a .creds file", name)
			default:
				return nil
			}
		})
	}
}

// NKeySeed authenticates with the NKEY that the seed of a user, which begins
// with "SU", stands for. It takes a copy.
func NKeySeed(seed []byte) Option {
	seed = bytes.Clone(bytes.TrimSpace(seed))
	return func(s *settings) {
		pair, err := nkeys.FromSeed(seed)
		if err != nil {
			s.fail("NKEY seed: it cannot be read: want the seed of a user, which begins with SU")
			return
		}
		public, err := pair.PublicKey()
		if err != nil || !nkeys.IsValidPublicUserKey(public) {
			s.fail("NKEY seed: it is not that of a user: want one that begins with SU")
			return
		}
		s.add(nats.Nkey(public, pair.Sign))
	}
}
