package nats_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"github.com/atasks-io/atasks/transport"
	atnats "github.com/atasks-io/atasks/transport/nats"
)

// canary is in every secret of these tests, and may be in no text.
const canary = "canary"

// nobody returns an address where nobody listens.
func nobody(t *testing.T) string {
	t.Helper()
	l := listener(t)
	defer l.Close()
	return l.Addr().String()
}

func listener(t *testing.T) net.Listener {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// speaker is a server that says something to everyone and hangs up.
func speaker(t *testing.T, says string) string {
	t.Helper()
	l := listener(t)
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			if _, err := c.Write([]byte(says)); err != nil {
				t.Errorf("Write() = %v, want nil", err)
			}
			c.Close()
		}
	})
	t.Cleanup(func() {
		l.Close()
		wg.Wait()
	})
	return l.Addr().String()
}

// Each way to fail says what was attempted, where, and what to do, and gives
// no secret away, neither in its text nor in that of any error inside it.
func TestConnectErrors(t *testing.T) {
	t.Parallel()
	locked := start(t, server.Options{Username: "joe", Password: "right"}).Addr().String()
	plain := start(t, server.Options{}).Addr().String()
	within := &inProcess{server: start(t, server.Options{Username: "joe", Password: "right", DontListen: true})}
	refused := nobody(t)
	quiet := listener(t).Addr().String()
	missing := filepath.Join(t.TempDir(), "missing.creds")
	noJWT := filepath.Join(t.TempDir(), "no.creds")
	if err := os.WriteFile(noJWT, []byte("canary-file"), 0o600); err != nil {
		t.Fatal(err)
	}
	ended, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("enough"))

	for _, tt := range []struct {
		name string
		ctx  context.Context
		url  string
		opts []atnats.Option
		want []string // all of these are in the text
		is   error
	}{
		{name: "refused", url: "nats://canary-u:canary-p@" + refused, want: []string{"connect to nats://" + refused, "connection refused", "no server listens"}, is: nats.ErrNoServers},
		{name: "refused twice", url: "nats://canary-t@" + refused + ", tls://" + refused, want: []string{"nats://" + refused + ", tls://" + refused, "connection refused"}},
		{name: "wrong password in the URL", url: "nats://joe:canary-p@" + locked, want: []string{"nats://" + locked, "refused the credentials", "check user and password"}, is: nats.ErrAuthorization},
		{name: "wrong password", url: locked, opts: []atnats.Option{atnats.UserPassword("joe", "canary-p")}, want: []string{"nats://" + locked, "refused the credentials"}},
		{name: "wrong token in the URL", url: "nats://canary-token@" + locked, want: []string{"refused the credentials"}},
		{name: "wrong token", url: locked, opts: []atnats.Option{atnats.Token("canary-token")}, want: []string{"refused the credentials"}},
		{name: "no credentials", url: locked, want: []string{"refused the credentials"}},
		{name: "wrong password in process", opts: []atnats.Option{atnats.InProcess(within), atnats.UserPassword("joe", "canary-p")}, want: []string{"the server in this process", "refused the credentials"}, is: nats.ErrAuthorization},
		{name: "no server in process", opts: []atnats.Option{atnats.InProcess(nil)}, want: []string{"InProcess: no server given"}},
		{name: "TLS to a server without", url: "tls://" + plain, want: []string{"tls://" + plain, "offers no TLS"}, is: nats.ErrSecureConnWanted},
		{name: "not a NATS server", url: speaker(t, "220 mail.example ready\r\n"), want: []string{"INFO not received"}},
		{name: "hangs up", url: speaker(t, ""), want: []string{"hung up", "credentials may be wrong"}},
		{name: "says nothing", ctx: short(t), url: quiet, want: []string{"nats://" + quiet, "no answer until the context ended"}, is: context.DeadlineExceeded},
		{name: "says nothing for long", url: quiet, opts: []atnats.Option{atnats.ClientOptions(nats.Timeout(50 * time.Millisecond))}, want: []string{"no answer in time"}},
		{name: "context has ended", ctx: ended, url: plain, want: []string{"nats://" + plain, "enough"}, is: context.Cause(ended)},
		{name: "no address", url: " , ", want: []string{"no address given", "nats://host:port"}},
		{name: "no URL", url: "nats://canary-u:canary%zz@host", want: []string{"cannot be read as a URL", "nats://host:port"}},
		{name: "bad port", url: "nats://canary-u:canary-p@host:99999", want: []string{"port"}},
		{name: "no host", url: "nats://canary-u:canary-p@:4222", want: []string{"has no host"}},
		{name: "wrong scheme", url: "http://canary-u:canary-p@host", want: []string{"schemes"}},
		{name: "slash in the password", url: "nats://u:1/canary-p@host", want: []string{"%2F"}},
		{name: "question mark in the password", url: "nats://u:1?canary-p@host", want: []string{"%3F"}},
		{name: "hash in the password", url: "nats://u:1#canary-p@host", want: []string{"%23"}},
		{name: "comma in the password", url: "nats://canary-u:1,canary-p@host", want: []string{"%2C"}},
		{name: "two at signs", url: "nats://u:canary@canary@" + refused, want: []string{"connect to nats://" + refused}},
		{name: "mixed schemes", url: "ws://canary-u:canary-p@" + plain + ",nats://" + plain, want: []string{"mixing"}},
		{name: "no credentials file", url: plain, opts: []atnats.Option{atnats.CredentialsFile(missing)}, want: []string{"credentials file", missing, "no such file"}, is: os.ErrNotExist},
		{name: "bad credentials file", url: plain, opts: []atnats.Option{atnats.CredentialsFile(noJWT)}, want: []string{noJWT, "no JWT and seed"}},
		{name: "bad credentials", url: plain, opts: []atnats.Option{atnats.CredentialsBytes([]byte("canary-creds"))}, want: []string{"no JWT and seed"}},
		{name: "bad seed", url: plain, opts: []atnats.Option{atnats.NKeySeed([]byte("SUcanary"))}, want: []string{"NKEY seed", "SU"}},
		{name: "seed for a server without", url: plain, opts: []atnats.Option{atnats.NKeySeed(newUser(t))}, want: []string{"nkeys not supported"}},
		{name: "no root certificates", url: plain, opts: []atnats.Option{atnats.RootCAs(missing)}, want: []string{missing}},
		{name: "no client certificate", url: plain, opts: []atnats.Option{atnats.ClientCert(missing, missing)}, want: []string{missing}},
		{name: "bad inbox prefix", url: plain, opts: []atnats.Option{atnats.InboxPrefix("a.*.")}, want: []string{"InboxPrefix"}, is: transport.ErrSubject},
		{name: "no echo", url: plain, opts: []atnats.Option{atnats.ClientOptions(nats.NoEcho())}, want: []string{"NoEcho"}},
		{name: "retry", url: refused, opts: []atnats.Option{atnats.ClientOptions(nats.RetryOnFailedConnect(true))}, want: []string{"RetryOnFailedConnect"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			ctx := tt.ctx
			if ctx == nil {
				ctx = soon(t)
			}
			c, err := atnats.Connect(ctx, tt.url, tt.opts...)
			if err == nil || c != nil {
				t.Fatalf("Connect() = %v, %v, want nil and an error", c, err)
			}
			for _, want := range append(tt.want, "nats: connect") {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("Connect() = %q, want %q in it", err, want)
				}
			}
			if tt.is != nil && !errors.Is(err, tt.is) {
				t.Errorf("Connect() = %v, want an error that wraps %v", err, tt.is)
			}
			for e := err; e != nil; e = errors.Unwrap(e) {
				if text := fmt.Sprintf("%v %+v %#v", e, e, e.Error()); strings.Contains(text, canary) {
					t.Errorf("error %T gives a secret away: %q", e, text)
				}
			}
		})
	}
}

// short returns a context that ends before a server that says nothing is given
// up.
func short(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	t.Cleanup(cancel)
	return ctx
}

func newUser(t *testing.T) (seed []byte) {
	t.Helper()
	pair, err := nkeys.CreateUser()
	if err != nil {
		t.Fatal(err)
	}
	if seed, err = pair.Seed(); err != nil {
		t.Fatal(err)
	}
	return seed
}

func TestConnectGivesUpWhenItsContextEnds(t *testing.T) {
	t.Parallel()
	l := listener(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	failed := make(chan error, 1)
	go func() {
		_, err := atnats.Connect(ctx, "nats://"+l.Addr().String(), atnats.ClientOptions(nats.Timeout(time.Minute)))
		failed <- err
	}()
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	cancel()
	if err := await(t, failed, "Connect to return"); !errors.Is(err, context.Canceled) {
		t.Errorf("Connect() = %v, want context.Canceled", err)
	}
	// It has hung up as well, so nothing of it is left.
	if err := c.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("Read() on the server's end = %v, want that the client has closed", err)
	}
}

func TestConnectWithCredentials(t *testing.T) {
	t.Parallel()
	seed := newUser(t)
	pair, err := nkeys.FromSeed(seed)
	if err != nil {
		t.Fatal(err)
	}
	public, err := pair.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	operated, creds := operator(t)
	file := filepath.Join(t.TempDir(), "user.creds")
	if err := os.WriteFile(file, creds, 0o600); err != nil {
		t.Fatal(err)
	}
	password := start(t, server.Options{Username: "joe", Password: "p@/?#,:%"}).Addr().String()
	token := start(t, server.Options{Authorization: "t0ken"}).Addr().String()
	nkey := start(t, server.Options{Nkeys: []*server.NkeyUser{{Nkey: public}}}).Addr().String()
	for _, tt := range []struct {
		name, url string
		opts      []atnats.Option
	}{
		{"user in the URL", "nats://joe:p%40%2F%3F%23%2C%3A%25@" + password, nil},
		{"user", "nats://" + password, []atnats.Option{atnats.UserPassword("joe", "p@/?#,:%")}},
		{"user, and no scheme", password, []atnats.Option{atnats.UserPassword("joe", "p@/?#,:%")}},
		{"user in the URL over the option", "nats://joe:p%40%2F%3F%23%2C%3A%25@" + password, []atnats.Option{atnats.UserPassword("x", "x")}},
		{"token in the URL", "nats://t0ken@" + token, nil},
		{"token", "nats://" + token, []atnats.Option{atnats.Token("t0ken")}},
		{"NKEY", "nats://" + nkey, []atnats.Option{atnats.NKeySeed(seed)}},
		{"credentials", "nats://" + operated, []atnats.Option{atnats.CredentialsBytes(creds)}},
		{"credentials file", "nats://" + operated, []atnats.Option{atnats.CredentialsFile(file)}},
		{"the second of two servers", nobody(t) + ",nats://t0ken@" + token, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := dial(t, tt.url, tt.opts...)
			if err := c.Flush(soon(t)); err != nil {
				t.Errorf("Flush() = %v, want nil", err)
			}
		})
	}
}

// operator starts a server that trusts an operator, and returns the
// credentials of a user.
func operator(t *testing.T) (addr string, creds []byte) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	keys := func(create func() (nkeys.KeyPair, error)) (nkeys.KeyPair, string) {
		t.Helper()
		k, err := create()
		must(err)
		public, err := k.PublicKey()
		must(err)
		return k, public
	}
	op, opPublic := keys(nkeys.CreateOperator)
	account, accountPublic := keys(nkeys.CreateAccount)
	user, userPublic := keys(nkeys.CreateUser)
	accountJWT, err := jwt.NewAccountClaims(accountPublic).Encode(op)
	must(err)
	userJWT, err := jwt.NewUserClaims(userPublic).Encode(account)
	must(err)
	seed, err := user.Seed()
	must(err)
	creds, err = jwt.FormatUserConfig(userJWT, seed)
	must(err)
	resolver := &server.MemAccResolver{}
	must(resolver.Store(accountPublic, accountJWT))
	s := start(t, server.Options{
		TrustedKeys:     []string{opPublic},
		AccountResolver: resolver,
	})
	return s.Addr().String(), creds
}

// What Connect sets is what the documentation says.
func TestConnectTuning(t *testing.T) {
	t.Parallel()
	c := dial(t, "nats://"+start(t, server.Options{}).Addr().String(), atnats.Name("node-1"), atnats.InboxPrefix("_CUSTOM.x"))
	o := c.NATS().Opts
	if d := o.PingInterval * time.Duration(o.MaxPingsOut+1); d < 8*time.Second || d > 12*time.Second {
		t.Errorf("a frozen server is noticed within %v, want about 10s", d)
	}
	if o.MaxReconnect >= 0 || !o.AllowReconnect || !o.IgnoreAuthErrorAbort || o.ReconnectBufSize != -1 {
		t.Errorf("MaxReconnect %d, AllowReconnect %v, IgnoreAuthErrorAbort %v, ReconnectBufSize %d: want it to reconnect for ever and buffer nothing",
			o.MaxReconnect, o.AllowReconnect, o.IgnoreAuthErrorAbort, o.ReconnectBufSize)
	}
	var longest time.Duration
	for attempt := range 100 {
		for range 50 {
			longest = max(longest, o.CustomReconnectDelayCB(attempt))
		}
		if attempt <= 1 && longest > 100*time.Millisecond {
			t.Errorf("the first reconnect waits %v, want at most 100ms", longest)
		}
	}
	if longest > 2*time.Second || longest < time.Second {
		t.Errorf("reconnects are up to %v apart, want up to about 2s", longest)
	}
	if o.Name != "node-1" {
		t.Errorf("Name = %q, want node-1", o.Name)
	}
	f := c.Features()
	if got, want := fmt.Sprint(f.ReplyPrefixes), "[_INBOX. _R_. _CUSTOM.x.]"; got != want {
		t.Errorf("Features().ReplyPrefixes = %s, want %s", got, want)
	}
	if f.MaxPayload != 1<<20 || !f.Discovery || !f.Cut || f.Transport != "nats" {
		t.Errorf("Features() = %+v", f)
	}
}

// A log tells what happens to the link, without secrets.
func TestLog(t *testing.T) {
	t.Parallel()
	s := start(t, server.Options{Username: "canary-u", Password: "canary-p"})
	p := startProxy(t, s.Addr().String())
	var log lockedBuffer
	logger := slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	c := dial(t, "nats://canary-u:canary-p@"+p.addr(), atnats.Logger(logger))
	events := attach(t, c)
	p.Cut(t)
	expectEvent(t, events, transport.Cut)
	p.Heal(t)
	expectEvent(t, events, transport.Restored)
	c.Close()
	text := log.String()
	if !strings.Contains(text, "the connection is cut") || strings.Contains(text, canary) {
		t.Errorf("log = %q, want that the connection is cut, and no secret", text)
	}
}

type lockedBuffer struct {
	mu sync.Mutex // guards b
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
