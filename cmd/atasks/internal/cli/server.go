package cli

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/atasks-io/atasks/embedded"
)

// serverFlags are those of the verb server.
type serverFlags struct {
	listen, dir, name                       string
	allowOpen                               bool
	namespaces                              []string
	user, password, passwordFile, token     string
	cert, key, clientCA                     string
	cluster, clusterListen, clusterSecret   string
	routes                                  []string
	clusterCert, clusterKey, clusterCA      string
	maxPayload                              int
	maxMemory, maxStore                     int64
	syncInterval, stopTimeout, pingInterval time.Duration
	verbose                                 bool
}

func (a *app) serverCommand() *cobra.Command {
	var f serverFlags
	cmd := &cobra.Command{
		Use:   "server",
		Short: "Run a NATS server",
		Long: `Run a NATS server with JetStream, for development and for production on one
machine. It says what listens where and what persists, and stops in good order on
SIGTERM and SIGINT. Secrets are better in files and variables than in flags, which
other users of the machine can see: $ATASKS_SERVER_PASSWORD, $ATASKS_SERVER_TOKEN,
$ATASKS_CLUSTER_SECRET.`,
		Example: `  atasks server
  atasks server --listen 127.0.0.1:4222 --dir /var/lib/atasks
  atasks server --dir ./data --namespace shop --namespace billing=@billing.password`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.server(cmd.Context(), f) },
	}
	fs := cmd.Flags()
	fs.StringVar(&f.listen, "listen", "127.0.0.1:4222", "address for clients; port 0 takes any free one")
	fs.StringVar(&f.dir, "dir", "", "directory for what JetStream stores; without one it stores in memory")
	fs.StringVar(&f.name, "name", "", "name of the server; needed in a cluster")
	fs.BoolVar(&f.allowOpen, "allow-open", false, "allow an address that others can reach without credentials")
	fs.StringArrayVar(&f.namespaces, "namespace", nil, "an account of its own for a namespace, as NAME, NAME=PASSWORD or NAME=@FILE; repeatable. For NAME alone a password is drawn and kept in a file")
	fs.StringVar(&f.user, "user", "", "user that clients have to log in as")
	fs.StringVar(&f.password, "password", "", "password of that user; $ATASKS_SERVER_PASSWORD")
	fs.StringVar(&f.passwordFile, "password-file", "", "file that holds it")
	fs.StringVar(&f.token, "token", "", "token that clients have to show; $ATASKS_SERVER_TOKEN")
	fs.StringVar(&f.cert, "tls-cert", "", "file with the certificate for clients (PEM)")
	fs.StringVar(&f.key, "tls-key", "", "file with its key (PEM)")
	fs.StringVar(&f.clientCA, "tls-client-ca", "", "file with the certificates that clients' are verified against (PEM)")
	fs.StringVar(&f.cluster, "cluster", "", "name of the cluster that the server is a member of")
	fs.StringVar(&f.clusterListen, "cluster-listen", "", "address for the other members")
	fs.StringArrayVar(&f.routes, "route", nil, "address of a member, the server itself included; repeatable")
	fs.StringVar(&f.clusterSecret, "cluster-secret", "", "what members show each other; $ATASKS_CLUSTER_SECRET")
	fs.StringVar(&f.clusterCert, "cluster-tls-cert", "", "file with the certificate for members (PEM)")
	fs.StringVar(&f.clusterKey, "cluster-tls-key", "", "file with its key (PEM)")
	fs.StringVar(&f.clusterCA, "cluster-tls-ca", "", "file with the certificates that members' are verified against (PEM)")
	fs.IntVar(&f.maxPayload, "max-payload", 0, "largest message in bytes; default 1 MiB")
	fs.Int64Var(&f.maxMemory, "max-memory", 0, "bytes that JetStream may store in memory; default 256 MiB")
	fs.Int64Var(&f.maxStore, "max-store", 0, "bytes that JetStream may store in --dir; default 10 GiB, or less on a small disk")
	fs.DurationVar(&f.syncInterval, "sync-interval", 0, "how long what is acknowledged may be in the system's buffers only; 0: not at all")
	fs.DurationVar(&f.pingInterval, "ping-interval", 0, "how often silent clients are asked for a sign of life; default 5s")
	fs.DurationVar(&f.stopTimeout, "stop-timeout", 15*time.Second, "how long stopping in good order may take")
	fs.BoolVarP(&f.verbose, "verbose", "v", false, "log what the server has to say")
	return cmd
}

// server runs a server until ctx ends.
func (a *app) server(ctx context.Context, f serverFlags) error {
	cfg, issued, err := a.serverConfig(f)
	defer issued.remove()
	if err != nil {
		return coded{exitUsage, err}
	}
	srv, err := embedded.Start(cfg)
	if err != nil {
		return fmt.Errorf("%w (flags: --listen, --dir, --cluster-listen)", err)
	}
	err = a.banner(srv, f, issued)
	if err == nil {
		<-ctx.Done()
		fmt.Fprintln(a.stderr, "atasks: stopping")
	}
	stopping, cancel := context.WithTimeout(context.Background(), f.stopTimeout)
	defer cancel()
	return errors.Join(err, srv.Shutdown(stopping))
}

// banner says what listens where and what persists.
func (a *app) banner(srv *embedded.Server, f serverFlags, issued passwords) error {
	lines := []string{fmt.Sprintf("atasks %s", version()), fmt.Sprintf("  clients    %s", srv.URL())}
	if u := srv.ClusterURL(); u != "" {
		lines = append(lines, fmt.Sprintf("  members    %s", u))
	}
	store := "in memory, gone when this ends; keep it with --dir"
	if f.dir != "" {
		store = "in " + f.dir
	}
	lines = append(lines, "  JetStream  "+store)
	for _, n := range issued.users {
		lines = append(lines, "  namespace  "+n.name+", user "+n.name+n.where())
	}
	lines = append(lines, "ready")
	for _, l := range lines {
		if _, err := fmt.Fprintln(a.stdout, escape(l)); err != nil {
			return err
		}
	}
	return nil
}

// serverConfig turns flags into a configuration.
func (a *app) serverConfig(f serverFlags) (embedded.Config, passwords, error) {
	issued, err := a.namespaces(f)
	if err != nil {
		return embedded.Config{}, issued, err
	}
	password, err := readSecret(f.password, f.passwordFile, a.getenv("ATASKS_SERVER_PASSWORD"))
	if err != nil {
		return embedded.Config{}, issued, err
	}
	cfg := embedded.Config{
		Name: f.name, Listen: f.listen, AllowOpen: f.allowOpen, Dir: f.dir,
		MaxPayload: f.maxPayload, MaxMemory: f.maxMemory, MaxStore: f.maxStore,
		SyncInterval: f.syncInterval, PingInterval: f.pingInterval,
		Cluster: embedded.Cluster{Name: f.cluster, Listen: f.clusterListen, Routes: f.routes, Secret: or(f.clusterSecret, a.getenv("ATASKS_CLUSTER_SECRET"))},
	}
	if f.user != "" || password != "" || f.token != "" || a.getenv("ATASKS_SERVER_TOKEN") != "" {
		cfg.Auth = embedded.Auth{User: f.user, Password: password, Token: or(f.token, a.getenv("ATASKS_SERVER_TOKEN"))}
	}
	for _, u := range issued.users {
		cfg.Namespaces = append(cfg.Namespaces, embedded.Namespace{Name: u.name, Password: u.password})
	}
	if cfg.TLS, err = serverTLS("tls", f.cert, f.key, f.clientCA, false); err != nil {
		return cfg, issued, err
	}
	if cfg.Cluster.TLS, err = serverTLS("cluster-tls", f.clusterCert, f.clusterKey, f.clusterCA, true); err != nil {
		return cfg, issued, err
	}
	if f.verbose {
		cfg.Logger = slog.New(slog.NewTextHandler(a.stderr, nil))
	}
	return cfg, issued, nil
}

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// serverTLS reads certificates; nil without any.
func serverTLS(flag, cert, key, ca string, members bool) (*tls.Config, error) {
	if cert == "" && key == "" && ca == "" {
		return nil, nil
	}
	if cert == "" || key == "" {
		return nil, fmt.Errorf("--%s-cert and --%s-key go together: give both", flag, flag)
	}
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		return nil, fmt.Errorf("--%s-cert: %w", flag, err)
	}
	cfg := &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	if ca == "" {
		return cfg, nil
	}
	text, err := os.ReadFile(ca)
	if err != nil {
		return nil, fmt.Errorf("--%s: %w", flag, err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("%s: no certificate in it: want PEM", ca)
	}
	cfg.ClientCAs, cfg.ClientAuth = pool, tls.RequireAndVerifyClientCert
	if members {
		cfg.RootCAs = pool
	}
	return cfg, nil
}
