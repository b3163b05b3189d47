package embedded

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// runCluster starts n members that change may make different from each other,
// and waits until each is connected to all others.
func runCluster(tb testing.TB, n int, change func(i int, cfg *Config)) []*Server {
	tb.Helper()
	var err error
	for range 5 { // a port that was free may be taken a moment later
		var all []*Server
		if all, err = startCluster(tb, n, change); err != nil {
			continue
		}
		for _, s := range all {
			if err := s.Ready(within(tb)); err != nil {
				tb.Fatalf("Ready() = %v, want nil", err)
			}
			if err := poll(within(tb), func() bool { return s.ns.NumRemotes() == n-1 }); err != nil {
				tb.Fatalf("%d members are connected to one, want %d", s.ns.NumRemotes(), n-1)
			}
		}
		return all
	}
	tb.Fatalf("Start() of a member = %v, want nil", err)
	return nil
}

func startCluster(tb testing.TB, n int, change func(i int, cfg *Config)) ([]*Server, error) {
	tb.Helper()
	routes := freeAddresses(tb, n)
	var all []*Server
	for i := range n {
		cfg := Config{
			Name:    fmt.Sprintf("member-%d", i),
			Listen:  "127.0.0.1:0",
			Cluster: Cluster{Listen: routes[i], Routes: routes},
		}
		change(i, &cfg)
		s, err := Start(cfg)
		if err != nil {
			for _, s := range all {
				_ = s.Shutdown(cancelled())
			}
			return nil, err
		}
		tb.Cleanup(func() { _ = s.Shutdown(cancelled()) })
		all = append(all, s)
	}
	return all, nil
}

// freeAddresses returns addresses at which nobody listens.
func freeAddresses(tb testing.TB, n int) []string {
	tb.Helper()
	all := make([]string, n)
	for i := range all {
		l, err := new(net.ListenConfig).Listen(tb.Context(), "tcp", "127.0.0.1:0")
		if err != nil {
			tb.Fatal(err)
		}
		defer l.Close()
		all[i] = l.Addr().String()
	}
	return all
}

// createReplicated makes a stream S for s on three members.
func createReplicated(t *testing.T, js jetstream.JetStream, storage jetstream.StorageType) {
	t.Helper()
	var last error
	if poll(within(t), func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		_, last = js.CreateStream(ctx, jetstream.StreamConfig{Name: "S", Subjects: []string{"s"}, Storage: storage, Replicas: 3})
		return last == nil
	}) != nil {
		t.Fatalf("CreateStream(3 replicas) = %v, want nil", last)
	}
}

// publish tries once to have S store something.
func publish(t *testing.T, js jetstream.JetStream, text string) bool {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	_, err := js.Publish(ctx, "s", []byte(text))
	return err == nil
}

func TestCluster(t *testing.T) {
	t.Parallel()
	all := runCluster(t, 3, func(int, *Config) {})
	for i, s := range all {
		if !strings.HasPrefix(s.ClusterURL(), "nats://127.0.0.1:") {
			t.Errorf("ClusterURL() = %q, want the address of the member", s.ClusterURL())
		}
		pass(t, dialLocal(t, s, ""), dial(t, all[(i+1)%3].URL()))
	}

	js := streams(t, dialLocal(t, all[0], ""))
	createReplicated(t, js, jetstream.MemoryStorage)
	if err := poll(within(t), func() bool { return publish(t, js, "kept") }); err != nil {
		t.Fatalf("Publish() = %v, want nil", err)
	}
	// One member leaves; the others go on with what was stored.
	if err := all[0].Shutdown(cancelled()); err == nil {
		t.Error("Shutdown(ended) = nil, want the client that it cut off")
	}
	js = streams(t, dialLocal(t, all[1], ""))
	if err := poll(within(t), func() bool { return publish(t, js, "on") }); err != nil {
		t.Errorf("Publish() after a member left = %v, want nil", err)
	}
}

// Members know each other by certificates and a secret, which nobody else has.
func TestClusterSecured(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	const secret = "a/secret:with@all?"
	var logs logBuffer
	all := runCluster(t, 2, func(_ int, cfg *Config) {
		cfg.Cluster.TLS = ca.server(t)
		cfg.Cluster.TLS.RootCAs = ca.pool
		cfg.Cluster.Secret = secret
		cfg.Namespaces = []Namespace{{Name: "a", Password: "p"}, {Name: "b"}}
		cfg.Logger = logs.logger()
		cfg.NoJetStream = true
	})
	pass(t, dialLocal(t, all[0], "a"), dial(t, all[1].URL(), nats.UserInfo("a", "p")))
	if strings.Contains(logs.String(), "secret:with") {
		t.Errorf("the log tells the secret:\n%s", &logs)
	}
}

func TestClusterRefusesStrangers(t *testing.T) {
	t.Parallel()
	var logs logBuffer
	member := run(t, Config{
		Name: "member", Listen: "127.0.0.1:0", NoJetStream: true, Logger: logs.logger(),
		Cluster: Cluster{Listen: "127.0.0.1:0", Secret: "right"},
	})
	run(t, Config{
		Name: "stranger", Listen: "127.0.0.1:0", NoJetStream: true,
		Cluster: Cluster{Listen: "127.0.0.1:0", Secret: "wrong", Routes: []string{member.ClusterURL()}},
	})
	if err := logs.wait(within(t), "authentication error"); err != nil {
		t.Fatalf("the member has not refused the stranger: %v\n%s", err, &logs)
	}
	if n := member.ns.NumRemotes(); n != 0 {
		t.Errorf("the member has %d routes, want none to a stranger", n)
	}
}

func TestReadyNeedsOthers(t *testing.T) {
	t.Parallel()
	routes := freeAddresses(t, 3)
	s := run(t, Config{Name: "a", Listen: "127.0.0.1:0", Cluster: Cluster{Listen: "127.0.0.1:0", Routes: routes}})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	err := s.Ready(ctx)
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "0 other members") {
		t.Errorf("Ready() without the others = %v, want an error that says how many it reached", err)
	}
}

// kept asks once for the first message of S. While the members elect who leads
// a stream, nobody answers for it.
func kept(t *testing.T, js jetstream.JetStream) bool {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	stream, err := js.Stream(ctx, "S")
	if err != nil {
		return false
	}
	m, err := stream.GetMsg(ctx, 1)
	return err == nil && string(m.Data) == "kept"
}

// A member that keeps its directory and its name is the same one again.
func TestClusterMemberReturns(t *testing.T) {
	t.Parallel()
	dirs := []string{t.TempDir(), t.TempDir(), t.TempDir()}
	cfgs := make([]Config, 3)
	all := runCluster(t, 3, func(i int, cfg *Config) {
		cfg.Dir = dirs[i]
		cfgs[i] = *cfg
	})
	js := streams(t, dialLocal(t, all[0], ""))
	createReplicated(t, js, jetstream.FileStorage)
	if err := poll(within(t), func() bool { return publish(t, js, "kept") }); err != nil {
		t.Fatalf("Publish() = %v, want nil", err)
	}
	if err := all[2].Shutdown(cancelled()); err != nil {
		t.Fatalf("Shutdown() = %v, want nil", err)
	}
	again := run(t, cfgs[2])
	if err := again.Ready(within(t)); err != nil {
		t.Fatalf("Ready() = %v, want nil", err)
	}
	js = streams(t, dialLocal(t, again, ""))
	if err := poll(within(t), func() bool { return kept(t, js) }); err != nil {
		t.Errorf("the message in S is gone, want it kept: %v", err)
	}
	if info, err := again.ns.Jsz(nil); err != nil || info.Meta.Size != 3 {
		t.Errorf("JetStream has %d members, %v, want 3: the one that returned is not a fourth", info.Meta.Size, err)
	}
}
