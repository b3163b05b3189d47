package embedded

import (
	"fmt"
	"testing"
	"time"

	"github.com/atasks-io/atasks/transport"
)

// What is scheduled survives the server; what has come due meanwhile is stored
// when it is back, and the rest at its time.
func TestSchedulesSurviveRestart(t *testing.T) {
	t.Parallel()
	cfg := Config{Dir: t.TempDir(), Listen: "127.0.0.1:0"}
	s := run(t, cfg)
	st := openAt(t, s.URL(), transport.StoreConfig{Name: "b", Schedules: true}).(transport.Scheduler)
	start := time.Now()
	set := map[string]time.Time{}
	for i := range 20 {
		key := fmt.Sprintf("due.%d", i)
		set[key] = start.Add(time.Second + time.Duration(i)*150*time.Millisecond)
		if err := st.Schedule(within(t), key, []byte(key), set[key]); err != nil {
			t.Fatalf("Schedule() = %v, want nil", err)
		}
	}
	for _, key := range []string{"due.3", "due.17"} {
		if err := st.Unschedule(within(t), key); err != nil {
			t.Fatalf("Unschedule() = %v, want nil", err)
		}
		delete(set, key)
	}
	_ = s.Shutdown(cancelled()) // cuts its client off, and says so
	if poll(within(t), func() bool { return time.Since(start) > 2*time.Second }) != nil {
		t.Fatal("time does not pass")
	}
	d := watchDue(t, openAt(t, run(t, cfg).URL(), transport.StoreConfig{Name: "b", Schedules: true}))
	d.mu.Lock()
	for key, at := range set {
		d.set[key] = at
	}
	d.mu.Unlock()
	d.finish()
}

// Each comes due once, whoever leads the stream then.
func TestSchedulesUnderLeaderChanges(t *testing.T) {
	t.Parallel()
	_, _, urls := runStored(t, 3)
	d := watchDue(t, openAt(t, urls, transport.StoreConfig{Name: "b", Schedules: true}))
	nc := dial(t, urls)
	start := time.Now()
	for i := range 200 {
		d.schedule(fmt.Sprintf("due.%d", i), start.Add(time.Second+time.Duration(i)*6*time.Millisecond))
	}
	for time.Since(start) < 2500*time.Millisecond {
		// Fails while there is none to step down.
		_, _ = nc.Request("$JS.API.STREAM.LEADER.STEPDOWN.KV_b", nil, time.Second)
		before := time.Now()
		if poll(within(t), func() bool { return time.Since(before) > 300*time.Millisecond }) != nil {
			t.Fatal("time does not pass")
		}
	}
	d.finish()
}

// At one time 2,000 come due, each once. With 10,000 it takes the server 2 s, and
// 16 s with the race detector.
func TestSchedulesManyAtOnce(t *testing.T) {
	t.Parallel()
	s := run(t, Config{Listen: "127.0.0.1:0", Dir: t.TempDir(), SyncInterval: time.Minute})
	d := watchDue(t, openAt(t, s.URL(), transport.StoreConfig{Name: "b", Schedules: true}))
	const workers, each = 50, 40
	at := time.Now().Add(3 * time.Second)
	errs := make(chan error, workers)
	for w := range workers {
		for i := range each {
			d.set[fmt.Sprintf("due.%d.%d", w, i)] = at
		}
	}
	begin := time.Now()
	for w := range workers {
		go func() {
			for i := range each {
				key := fmt.Sprintf("due.%d.%d", w, i)
				if err := d.store.Schedule(within(t), key, []byte(key), at); err != nil {
					errs <- err
					return
				}
			}
			errs <- nil
		}()
	}
	for range workers {
		if err := <-errs; err != nil {
			t.Fatalf("Schedule() = %v, want nil", err)
		}
	}
	t.Logf("set in %v", time.Since(begin).Round(time.Millisecond))
	d.finish()
}
