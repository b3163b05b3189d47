package integration

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"
)

// A client that knows nothing of this library calls a task with what every
// NATS client has: a request, and JSON.
func TestForeignCaller(t *testing.T) {
	t.Parallel()
	srv := startServer(t)
	startWorker(t, srv.URL(), 4)
	nc, err := nats.Connect(srv.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()

	m, err := nc.Request("at.default.task.fib", []byte(`10`), 10*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	var got int
	if err := json.Unmarshal(m.Data, &got); err != nil || got != 55 {
		t.Errorf("request fib(10) = %q (%v), want 55", m.Data, err)
	}
	if ct := m.Header.Get("Content-Type"); ct != "application/json" {
		t.Errorf("Content-Type = %q, want application/json", ct)
	}

	m, err = nc.Request("at.default.task.fib", []byte(`"ten"`), 10*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	if code, ran := m.Header.Get("At-Error"), m.Header.Get("At-Executed"); code != "bad_input" || ran != "no" {
		t.Errorf("request with a wrong input: At-Error %q, At-Executed %q, want bad_input, no", code, ran)
	}

	if _, err := nc.Request("at.default.task.nobody", nil, time.Second); !errors.Is(err, nats.ErrNoResponders) {
		t.Errorf("request of a task that nobody serves = %v, want %v", err, nats.ErrNoResponders)
	}
}

// Tools that list NATS services find the tasks.
func TestDiscovery(t *testing.T) {
	t.Parallel()
	srv := startServer(t)
	w := startWorker(t, srv.URL(), 1)
	nc, err := nats.Connect(srv.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()

	var ping micro.Ping
	ask(t, nc, "$SRV.PING", &ping)
	if ping.ID != w.node || ping.Name != "atasks-default" || ping.Type != micro.PingResponseType {
		t.Errorf("ping = %+v, want the worker %s as atasks-default", ping, w.node)
	}
	var info micro.Info
	ask(t, nc, "$SRV.INFO.atasks-default", &info)
	subjects := make(map[string]string)
	for _, e := range info.Endpoints {
		subjects[e.Name] = e.Subject
	}
	if info.Type != micro.InfoResponseType || len(subjects) != len(tasks()) || subjects["fib"] != "at.default.task.fib" {
		t.Errorf("info = %+v, want an endpoint for each of %d tasks", info, len(tasks()))
	}
	if _, err := nc.Request("at.default.task.one", []byte(`1`), 10*time.Second); err != nil {
		t.Fatal(err)
	}
	var stats micro.Stats
	ask(t, nc, "$SRV.STATS.atasks-default."+w.node, &stats)
	calls := 0
	for _, e := range stats.Endpoints {
		calls += e.NumRequests
	}
	if stats.Type != micro.StatsResponseType || calls != 1 {
		t.Errorf("stats = %+v, want one request in all", stats)
	}
}

func ask(t *testing.T, nc *nats.Conn, subject string, answer any) {
	t.Helper()
	m, err := nc.Request(subject, nil, 10*time.Second)
	if err != nil {
		t.Fatalf("request %s: %v", subject, err)
	}
	if err := json.Unmarshal(m.Data, answer); err != nil {
		t.Fatalf("request %s answers %q: %v", subject, m.Data, err)
	}
}
