package embedded

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats-server/v2/server/ats"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// The server runs where time is virtual, and leaves no goroutine there: the
// bubble would not end.
func TestVirtualTime(t *testing.T) {
	t.Parallel()
	// The server's clock for access times is one goroutine for the whole
	// process and selects on a channel of its package. Started in the bubble,
	// it would keep time there from passing.
	ats.Register()
	defer ats.Unregister()
	for name, cfg := range map[string]Config{
		"memory":     {},
		"namespaces": {Namespaces: []Namespace{{Name: "default"}}, PingInterval: time.Hour},
		"Dir":        {Dir: t.TempDir(), SyncInterval: time.Hour, PingInterval: time.Hour},
	} {
		synctest.Test(t, func(t *testing.T) {
			start := time.Now()
			s, err := Start(cfg)
			if err != nil {
				t.Fatalf("%s: Start() = %v, want a server", name, err)
			}
			namespace := ""
			if len(cfg.Namespaces) > 0 {
				namespace = "default"
			}
			l := s.own[namespace]
			nc, err := nats.Connect("", nats.InProcessServer(local{s}), nats.UserInfo(l.user, l.password))
			if err != nil {
				t.Fatalf("%s: Connect() = %v, want a connection", name, err)
			}
			sub, err := nc.SubscribeSync("tick")
			if err != nil {
				t.Fatalf("%s: SubscribeSync() = %v, want nil", name, err)
			}
			js, err := jetstream.New(nc)
			if err != nil {
				t.Fatalf("%s: New() = %v, want nil", name, err)
			}
			storage := jetstream.MemoryStorage
			if cfg.Dir != "" {
				storage = jetstream.FileStorage
			}
			kv, err := js.CreateKeyValue(t.Context(), jetstream.KeyValueConfig{Bucket: "b", TTL: 12 * time.Hour, Storage: storage})
			if err != nil {
				t.Fatalf("%s: CreateKeyValue() = %v, want nil", name, err)
			}
			if _, err := kv.Put(t.Context(), "k", nil); err != nil {
				t.Fatalf("%s: Put() = %v, want nil", name, err)
			}

			<-time.After(24 * time.Hour)
			if err := nc.Publish("tick", nil); err != nil {
				t.Errorf("%s: Publish() = %v, want nil", name, err)
			}
			// Not with a timeout: its timer would end up in a pool of the
			// client's, where others outside the bubble find it.
			if _, err := sub.NextMsgWithContext(t.Context()); err != nil {
				t.Errorf("%s: NextMsg() after a day = %v, want the message", name, err)
			}
			if _, err := kv.Get(t.Context(), "k"); err == nil {
				t.Errorf("%s: Get() after a day = nil, want that it expired", name)
			}

			nc.Close()
			before := time.Now()
			if err := s.Shutdown(t.Context()); err != nil {
				t.Errorf("%s: Shutdown() = %v, want nil", name, err)
			}
			if took := time.Since(before); took > time.Second {
				t.Errorf("%s: Shutdown() took %v, want less than a second", name, took)
			}
			if got := time.Since(start); got < 24*time.Hour || got > 25*time.Hour {
				t.Errorf("%s: %v passed, want a day", name, got)
			}
		})
	}
}
