package embedded

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/atasks-io/atasks/transport"
)

// holdMember holds a member as JSON: with it in its environment the test binary
// is a process that keeps this member of a cluster until its input ends.
const holdMember = "EMBEDDED_TEST_MEMBER"

// member is a server in a process of its own, which can be killed.
type member struct {
	Name, Dir, Listen, Route string
	Routes                   []string

	process *exec.Cmd
	input   io.Closer
}

// memberConfig is what the process makes of it.
func memberConfig(text string) Config {
	var m member
	if err := json.Unmarshal([]byte(text), &m); err != nil {
		_, _ = fmt.Fprintln(os.Stdout, err)
	}
	// What a process that is killed has given to the system is not lost.
	return Config{Name: m.Name, Dir: m.Dir, SyncInterval: time.Minute, Listen: m.Listen, Cluster: Cluster{Listen: m.Route, Routes: m.Routes}}
}

// start runs the process, and returns when it serves.
func (m *member) start(t *testing.T) {
	t.Helper()
	text, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	m.process = exec.CommandContext(t.Context(), os.Args[0])
	m.process.Env = append(os.Environ(), holdMember+"="+string(text))
	if m.input, err = m.process.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	output, err := m.process.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := m.process.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(output).ReadString('\n'); line != "ready\n" {
		t.Fatalf("%s says %q, %v, want that it is ready", m.Name, line, err)
	}
}

// kill ends the process as SIGKILL does: it says nothing to anybody.
func (m *member) kill(t *testing.T) {
	t.Helper()
	if err := m.process.Process.Kill(); err != nil {
		t.Fatalf("kill %s: %v", m.Name, err)
	}
	_ = m.process.Wait()
	_ = m.input.Close()
}

// startMembers runs a cluster of three processes.
func startMembers(t *testing.T) (all []*member, urls string) {
	t.Helper()
	addresses := freeAddresses(t, 6)
	for i := range 3 {
		m := &member{Name: fmt.Sprintf("member-%d", i), Dir: t.TempDir(), Listen: addresses[i], Route: addresses[3+i], Routes: addresses[3:]}
		m.start(t)
		t.Cleanup(func() {
			_ = m.process.Process.Kill()
			_ = m.process.Wait()
		})
		all = append(all, m)
	}
	return all, "nats://" + strings.Join(addresses[:3], ",nats://")
}

// leader asks the cluster who leads the stream of the store.
func leader(t *testing.T, nc *nats.Conn, all []*member) *member {
	t.Helper()
	var found *member
	if poll(within(t), func() bool {
		reply, err := nc.Request("$JS.API.STREAM.INFO.KV_b", nil, time.Second)
		if err != nil {
			return false
		}
		var info struct{ Cluster struct{ Leader string } }
		if err := json.Unmarshal(reply.Data, &info); err != nil {
			return false
		}
		for _, m := range all {
			if m.Name == info.Cluster.Leader {
				found = m
			}
		}
		return found != nil
	}) != nil {
		t.Fatal("the stream has no leader")
	}
	return found
}

// due counts how often each schedule has stored its record, which it deletes.
type due struct {
	t     *testing.T
	store transport.Scheduler

	mu    sync.Mutex // guards what follows
	set   map[string]time.Time
	seen  map[string]int
	late  time.Duration
	early time.Duration
	taken chan transport.Entry
	done  sync.WaitGroup
}

// watchDue begins to take what comes due.
func watchDue(t *testing.T, s transport.Store) *due {
	t.Helper()
	d := &due{t: t, store: s.(transport.Scheduler), set: map[string]time.Time{}, seen: map[string]int{}, taken: make(chan transport.Entry, 1<<14)}
	w, err := d.store.Watch("due", func(c transport.Change) {
		if c.Kind == transport.Stored {
			d.see(c.Entry)
		}
	})
	if err != nil {
		t.Fatalf("Watch() = %v, want nil", err)
	}
	d.done.Go(func() {
		for e := range d.taken { // fails while nobody leads; then it stays
			_ = d.store.Delete(within(t), e.Key, e.Revision)
		}
	})
	t.Cleanup(func() {
		_ = w.Close()
		close(d.taken)
		d.done.Wait()
	})
	return d
}

func (d *due) see(e transport.Entry) {
	now := time.Now()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.seen[e.Key]++
	d.late = max(d.late, now.Sub(d.set[e.Key]))
	d.early = max(d.early, d.set[e.Key].Sub(now))
	d.taken <- e
}

// schedule sets one that is due at this time, when somebody leads the stream.
func (d *due) schedule(key string, at time.Time) {
	d.t.Helper()
	d.mu.Lock()
	d.set[key] = at
	d.mu.Unlock()
	var err error
	if poll(within(d.t), func() bool {
		err = d.store.Schedule(within(d.t), key, []byte(key), at)
		return !errors.Is(err, transport.ErrStoreUnavailable) // which wrote nothing
	}) != nil || err != nil {
		d.t.Fatalf("Schedule(%q) = %v, want nil", key, err)
	}
}

// finish waits until all have come, and one more that is set now, and checks
// that none came early or again.
func (d *due) finish() {
	d.t.Helper()
	d.schedule("due.last", time.Now())
	if poll(within(d.t), func() bool {
		d.mu.Lock()
		defer d.mu.Unlock()
		return len(d.seen) == len(d.set)
	}) != nil {
		d.t.Errorf("%d of %d schedules have come due", len(d.seen), len(d.set))
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.early > 0 {
		d.t.Errorf("a record was stored %v early", d.early)
	}
	for key, n := range d.seen {
		if n != 1 {
			d.t.Errorf("%s was stored %d times, want once", key, n)
		}
	}
	d.t.Logf("%d schedules, the latest came %v late", len(d.seen), d.late.Round(time.Millisecond))
}

// TestStoreLeaderKilled kills the process that leads the stream, which takes an
// election to replace, while writers compare and set and schedules come due, and
// starts it again. Once is what there is time for; -count does it more often.
func TestStoreLeaderKilled(t *testing.T) {
	t.Parallel()
	all, urls := startMembers(t)
	cfg := transport.StoreConfig{Name: "b", Schedules: true}
	w := startWorkload(t, urls, cfg)
	d := watchDue(t, openAt(t, urls, cfg))
	nc := dial(t, urls)
	w.progress("the start")
	start := time.Now()
	for i := range 100 { // before, in and after the election
		d.schedule(fmt.Sprintf("due.%d", i), start.Add(time.Second+time.Duration(i)*100*time.Millisecond))
	}
	victim := leader(t, nc, all)
	if poll(within(t), func() bool { return time.Since(start) > 1500*time.Millisecond }) != nil {
		t.Fatal("time does not pass")
	}
	victim.kill(t)
	killed := time.Now()
	w.progress("the leader was killed")
	t.Logf("writes go on %v after the leader was killed", time.Since(killed).Round(time.Millisecond))
	victim.start(t)
	w.progress("it has come back")
	d.finish()
	w.finish()
}
