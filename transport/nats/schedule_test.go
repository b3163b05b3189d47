package nats_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/atasks-io/atasks/transport"
)

// A store that was made without schedules is given them, and whoever has it open
// goes on.
func TestOpenStoreAllowsSchedules(t *testing.T) {
	t.Parallel()
	_, srv := startStores(t)
	c := dial(t, srv.ClientURL())
	before := openStore(t, c)
	rev := put(t, before, "k", "x", 0, 0)
	changes := watchStore(t, before, "")
	expectChange(t, changes, transport.Stored, "k", "x")
	expectChange(t, changes, transport.Synced, "", "")

	st, err := c.OpenStore(soon(t), transport.StoreConfig{Name: "b", Schedules: true})
	if err != nil {
		t.Fatalf("OpenStore(Schedules) = %v, want nil", err)
	}
	if err := st.(transport.Scheduler).Schedule(soon(t), "due", []byte("y"), time.Now()); err != nil {
		t.Fatalf("Schedule() = %v, want nil", err)
	}
	expectChange(t, changes, transport.Stored, "due", "y")
	put(t, openStore(t, dial(t, srv.ClientURL())), "k", "z", rev, 0)
	expectChange(t, changes, transport.Stored, "k", "z")
}

func TestOpenStoreRefusesSchedules(t *testing.T) {
	t.Parallel()
	srv := start(t, server.Options{JetStream: true, StoreDir: t.TempDir(), Users: []*server.User{
		{Username: "all", Password: "p"},
		{Username: "worker", Password: "p", Permissions: &server.Permissions{Publish: &server.SubjectPermission{Deny: []string{"$JS.API.STREAM.UPDATE.>", "at-schedule.>"}}}},
	}})
	url := func(user string) string { return "nats://" + user + ":p@" + srv.Addr().String() }
	all, worker := dial(t, url("all")), dial(t, url("worker"))
	js := streamsOf(t, url("all"))
	if _, err := js.CreateKeyValue(soon(t), jetstream.KeyValueConfig{Bucket: "bounded", LimitMarkerTTL: time.Minute, MaxBytes: 1 << 20}); err != nil {
		t.Fatal(err)
	}
	st, err := all.OpenStore(soon(t), transport.StoreConfig{Name: "bounded", Schedules: true})
	if !errors.Is(err, transport.ErrStoreUnavailable) || st != nil || !strings.Contains(err.Error(), "max_bytes") {
		t.Errorf("OpenStore(Schedules) of a bucket with a limit = %v, %v, want ErrStoreUnavailable that says so", st, err)
	}

	openStore(t, all)
	cfg := transport.StoreConfig{Name: "b", Schedules: true}
	st, err = worker.OpenStore(soon(t), cfg)
	if !errors.Is(err, transport.ErrDenied) || st != nil || !strings.Contains(err.Error(), "$JS.API.STREAM.UPDATE.KV_b") || !strings.Contains(err.Error(), "StoreConfig.Schedules") {
		t.Errorf("OpenStore(Schedules) by who may not change the stream = %v, %v, want ErrDenied that says what to do", st, err)
	}
	if _, err := all.OpenStore(soon(t), cfg); err != nil {
		t.Fatalf("OpenStore(Schedules) = %v, want nil", err)
	}
	st, err = worker.OpenStore(soon(t), cfg)
	if err != nil {
		t.Fatalf("OpenStore(Schedules) of one that has them = %v, want nil", err)
	}
	err = st.(transport.Scheduler).Schedule(soon(t), "k", nil, time.Now())
	if !errors.Is(err, transport.ErrDenied) || !strings.Contains(err.Error(), "at-schedule.b.k.") {
		t.Errorf("Schedule() by who may not = %v, want ErrDenied that names the subject", err)
	}
	// A full stream would lose records.
	if _, err := js.UpdateStream(soon(t), limited(t, js)); err != nil {
		t.Fatal(err)
	}
	if st, err := all.OpenStore(soon(t), transport.StoreConfig{Name: "b"}); !errors.Is(err, transport.ErrStoreUnavailable) || st != nil || !strings.Contains(err.Error(), "full") {
		t.Errorf("OpenStore() of a stream that drops what is old = %v, %v, want ErrStoreUnavailable that says so", st, err)
	}
}

// limited is the stream of the store, with a limit to its size.
func limited(t *testing.T, js jetstream.JetStream) jetstream.StreamConfig {
	t.Helper()
	s, err := js.Stream(soon(t), "KV_b")
	if err != nil {
		t.Fatal(err)
	}
	cfg := s.CachedInfo().Config
	cfg.MaxBytes = 1 << 20
	return cfg
}

// What came due, was replaced or called off leaves nothing behind.
func TestScheduleLeavesNothing(t *testing.T) {
	t.Parallel()
	_, srv := startStores(t)
	st, err := dial(t, srv.ClientURL()).OpenStore(soon(t), transport.StoreConfig{Name: "b", Schedules: true})
	if err != nil {
		t.Fatalf("OpenStore(Schedules) = %v, want nil", err)
	}
	s := st.(transport.Scheduler)
	for _, at := range []time.Time{time.Now().Add(time.Hour), time.Now().Add(2 * time.Hour)} {
		for _, key := range []string{"off", "off.below"} {
			if err := s.Schedule(soon(t), key, []byte("x"), at); err != nil {
				t.Fatalf("Schedule() = %v, want nil", err)
			}
		}
	}
	stream, err := streamsOf(t, srv.ClientURL()).Stream(soon(t), "KV_b")
	if err != nil {
		t.Fatal(err)
	}
	left := func() []string {
		info, err := stream.Info(soon(t), jetstream.WithSubjectFilter("at-schedule.>"))
		if err != nil {
			t.Fatal(err)
		}
		var all []string
		for subject := range info.State.Subjects {
			all = append(all, subject)
		}
		slices.Sort(all)
		return all
	}
	if got := left(); len(got) != 2 || !strings.HasPrefix(got[0], "at-schedule.b.off.") {
		t.Errorf("the stream has the schedules %q, want one for each key", got)
	}
	for _, key := range []string{"off", "off.below"} {
		if err := s.Unschedule(soon(t), key); err != nil {
			t.Fatalf("Unschedule() = %v, want nil", err)
		}
	}
	if err := s.Schedule(soon(t), "due", []byte("x"), time.Now()); err != nil {
		t.Fatalf("Schedule() = %v, want nil", err)
	}
	until(t, "nothing to be left", func() bool { return len(left()) == 0 })
	if _, err := s.Get(soon(t), "due"); err != nil {
		t.Errorf("Get() of what came due = %v, want the record", err)
	}
}
