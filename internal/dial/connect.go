package dial

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/nats-io/nats.go"

	"github.com/atasks-io/atasks/transport"
	atnats "github.com/atasks-io/atasks/transport/nats"
)

// Connector connects to a broker of one kind, as Settings.Connect does.
type Connector func(ctx context.Context, s Settings, name string, log *slog.Logger) (transport.Conn, error)

// Connect connects to the broker that the settings name, to NATS or to what
// others knows, by the scheme of a URL; others may be nil. So a program links
// the clients that it asks for only. The connection is called name on the
// broker; what befalls it goes to log, which may be nil.
func (s Settings) Connect(ctx context.Context, name string, log *slog.Logger, others map[string]Connector) (transport.Conn, error) {
	all := map[string]Connector{"nats": toNats, "tls": toNats, "ws": toNats, "wss": toNats}
	maps.Copy(all, others)
	scheme := schemeOf(s.Get(Server))
	connect := all[scheme]
	if connect == nil {
		known := slices.Sorted(maps.Keys(all))
		return nil, fmt.Errorf("connect: no transport for %s:// URLs: want one of %s", scheme, strings.Join(known, ", "))
	}
	return connect(ctx, s, name, log)
}

func toNats(ctx context.Context, s Settings, name string, log *slog.Logger) (transport.Conn, error) {
	opts := []atnats.Option{atnats.Name(name)}
	if log != nil {
		opts = append(opts, atnats.Logger(log))
	}
	if v := s.Get(Creds); v != "" {
		opts = append(opts, atnats.CredentialsFile(v))
	}
	if user := s.Get(User); user != "" {
		opts = append(opts, atnats.UserPassword(user, s.Get(Password)))
	} else if s.Get(Password) != "" {
		return nil, errors.New("connect: a password without a user: give --user, too")
	}
	if v := s.Get(Token); v != "" {
		opts = append(opts, atnats.Token(v))
	}
	if v := s.Get(NKey); v != "" {
		seed, err := os.ReadFile(v)
		if err != nil {
			return nil, fmt.Errorf("connect: read the NKEY: %w", err)
		}
		opts = append(opts, atnats.NKeySeed(seed))
	}
	if v := s.Get(CA); v != "" {
		opts = append(opts, atnats.RootCAs(v))
	}
	cert, key := s.Get(Cert), s.Get(CertKey)
	switch {
	case cert != "" && key != "":
		opts = append(opts, atnats.ClientCert(cert, key))
	case cert != "" || key != "":
		return nil, errors.New("connect: --cert and --key go together: give both")
	}
	if s.Get(TLSFirst) == "true" {
		opts = append(opts, atnats.ClientOptions(nats.TLSHandshakeFirst()))
	}
	return atnats.Connect(ctx, s.Get(Server), opts...)
}
