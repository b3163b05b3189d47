package actor_test

import (
	"testing"
	"testing/synctest"

	"github.com/atasks-io/atasks/actor"
	"github.com/atasks-io/atasks/transport/loopback"
)

// service is what the three discovery verbs answer, in the format of NATS
// services.
type service struct {
	Name, ID, Version, Type string
	Metadata                map[string]string
	Endpoints               []struct {
		Name, Subject string
		QueueGroup    string `json:"queue_group"`
		NumRequests   uint64 `json:"num_requests"`
		NumErrors     uint64 `json:"num_errors"`
		LastError     string `json:"last_error"`
		Metadata      map[string]string
	}
}

// TestDiscovery: tools that list NATS services see nodes, by all three forms
// of the question.
func TestDiscovery(t *testing.T) {
	virtual(t, func(t *testing.T) {
		b := loopback.New()
		n := start(t, b, actor.Config{Namespace: "shop", Version: "1.2.3", Group: "tills"}, actor.Handle("order.place", echo))
		for range 3 {
			if _, err := n.Request(t.Context(), "order.place", nil); err != nil {
				t.Fatal(err)
			}
		}
		f := newForeigner(t, b)
		for _, verb := range []string{"PING", "INFO", "STATS"} {
			for _, suffix := range []string{"", ".atasks-shop", ".atasks-shop." + n.ID()} {
				subject := "$SRV." + verb + suffix
				s := decoded[service](t, f.ask(subject, "", nil))
				equal(t, subject+": name", s.Name, "atasks-shop")
				equal(t, subject+": id", s.ID, n.ID())
				equal(t, subject+": version", s.Version, "1.2.3")
				equal(t, subject+": group", s.Metadata["group"], "tills")
			}
		}
		equal(t, "type of ping", decoded[service](t, f.ask("$SRV.PING", "", nil)).Type, "io.nats.micro.v1.ping_response")

		info := decoded[service](t, f.ask("$SRV.INFO", "", nil))
		equal(t, "type of info", info.Type, "io.nats.micro.v1.info_response")
		if len(info.Endpoints) != 1 {
			t.Fatalf("info: %d endpoints, want 1", len(info.Endpoints))
		}
		e := info.Endpoints[0]
		equal(t, "endpoint", e.Name, "order-place")
		equal(t, "its subject", e.Subject, "at.shop.task.order.place")
		equal(t, "its queue group", e.QueueGroup, "at")
		equal(t, "its task", e.Metadata["task"], "order.place")

		stats := decoded[service](t, f.ask("$SRV.STATS", "", nil))
		equal(t, "type of stats", stats.Type, "io.nats.micro.v1.stats_response")
		equal(t, "requests", stats.Endpoints[0].NumRequests, 3)

		other := start(t, b, actor.Config{Namespace: "shop"})
		f.publish("$SRV.PING", "_INBOX.me.1", "", nil)
		synctest.Wait()
		ids := map[string]bool{decoded[service](t, <-f.inbox).ID: true, decoded[service](t, <-f.inbox).ID: true}
		if !ids[n.ID()] || !ids[other.ID()] {
			t.Errorf("the answers to $SRV.PING come from %v, want both nodes", ids)
		}
		n.Close()
		equal(t, "who is left", decoded[service](t, f.ask("$SRV.PING", "", nil)).ID, other.ID())
	})
}
