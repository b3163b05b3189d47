package actor

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/atasks-io/atasks/internal/wire"
	"github.com/atasks-io/atasks/transport"
)

// reports collects what a progress feed hands out.
type reports struct {
	mu   sync.Mutex
	got  []Progress
	busy int
	most int
}

func (r *reports) take(p Progress) {
	r.mu.Lock()
	r.got = append(r.got, p)
	r.busy++
	r.most = max(r.most, r.busy)
	r.mu.Unlock()
	pause(10 * time.Millisecond)
	r.mu.Lock()
	r.busy--
	r.mu.Unlock()
}

func (r *reports) list() []Progress {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.got)
}

func TestProgressFeedKeepsTheLatest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var r reports
		f := &progressFeed{fn: r.take, spawn: func(run func()) bool { go run(); return true }}
		f.put(Progress{Done: 1})
		synctest.Wait()
		for i := range int64(100) { // while the first is in hand
			f.put(Progress{Done: 2 + i})
		}
		pause(time.Second)
		f.put(Progress{Done: 500})
		f.close()
		f.put(Progress{Done: 501})
		pause(time.Second)
		if diff := cmp.Diff([]Progress{{Done: 1}, {Done: 101}, {Done: 500}}, r.list()); diff != "" {
			t.Errorf("handed out (-want +got):\n%s", diff)
		}
		if r.most != 1 {
			t.Errorf("%d reports handed out at once, want 1", r.most)
		}
	})
}

func TestProgressFeedOfAClosedNode(t *testing.T) {
	t.Parallel()
	f := &progressFeed{fn: func(Progress) { t.Error("handed out") }, spawn: func(func()) bool { return false }}
	f.put(Progress{Done: 1})
	f.putFrame([]byte("no progress"))
	f.put(Progress{Done: 2})
	f.close()
}

func TestProgressReachesTheAwaiter(t *testing.T) {
	t.Parallel()
	for _, noLocal := range []bool{false, true} {
		virtual(t, func(t *testing.T, r *rig) {
			work := NewTarget[int, int]("work")
			n := r.node(Config{NoLocal: noLocal}, Implement(work, func(ctx context.Context, steps int) (int, error) {
				for i := range steps {
					ReportProgress(ctx, int64(i+1), int64(steps), "step")
					pause(time.Millisecond)
				}
				pause(100 * time.Millisecond)
				return steps, nil
			}))
			var got reports
			if _, err := Ask[int, int](n.under(), work, 1000, OnProgress(got.take)); err != nil {
				t.Fatalf("Ask() = %v, want nil", err)
			}
			pause(time.Second)
			list := got.list()
			if len(list) == 0 || list[len(list)-1] != (Progress{1000, 1000, "step"}) {
				t.Fatalf("NoLocal = %v: %d reports, the last %+v, want the last one kept", noLocal, len(list), list[max(0, len(list)-1):])
			}
			if !slices.IsSortedFunc(list, func(a, b Progress) int { return int(a.Done - b.Done) }) {
				t.Errorf("NoLocal = %v: reports out of order", noLocal)
			}
			if frames := n.conn.count(isFrame(".pro")); noLocal && (frames < 10 || frames > 30) || !noLocal && frames > 0 {
				t.Errorf("NoLocal = %v: %d progress frames for 1000 reports in a second, want some 20 over the broker", noLocal, frames)
			}
		})
	}
	ReportProgress(context.Background(), 1, 2, "outside of a handler")
}

func TestPage(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 6))
	var rows []CallInfo
	var want []string
	for i := range 57 {
		id := fmt.Sprintf("%08x", random.Uint32()>>8)
		if i == 0 {
			id = ""
		}
		rows = append(rows, CallInfo{ID: id})
		want = append(want, id)
	}
	slices.Sort(want)
	want = want[1:] // nothing comes before the empty ID, and nothing has it
	for _, limit := range []int{1, 7, 56, 57, 1000} {
		var got []string
		q := psRequest{Limit: limit}
		for pages := 0; ; pages++ {
			list, more := page(slices.Clone(rows), q)
			for _, r := range list {
				got = append(got, r.ID)
			}
			if !more {
				break
			}
			if pages > 60 || len(list) != limit {
				t.Fatalf("page(limit %d) = %d rows with more to come, want %d", limit, len(list), limit)
			}
			q.After = list[len(list)-1].ID
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("pages of %d rows (-want +got):\n%s", limit, diff)
		}
	}
	if list, more := page(nil, psRequest{Limit: 5}); len(list) != 0 || more {
		t.Errorf("page(nothing) = %d rows, %v, want none", len(list), more)
	}
	if list, more := page(rows, psRequest{Limit: 5, After: "zzz"}); len(list) != 0 || more {
		t.Errorf("page(after the last) = %d rows, %v, want none", len(list), more)
	}
}

// TestPsAnswersWhateverTheRowsHold keeps ps within what a message carries.
func TestPsAnswersWhateverTheRowsHold(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, r *rig) {
		talk := NewTarget[string, string](strings.Repeat("a", 190))
		n := r.node(Config{NoLocal: true}, Implement(talk, func(ctx context.Context, _ string) (string, error) {
			ReportProgress(ctx, 1, 2, strings.Repeat("\x01", 1024))
			<-ctx.Done()
			return "", ctx.Err()
		}))
		const calls = 400
		ctx, cancel := context.WithCancel(n.under())
		for range calls {
			Begin[string, string](ctx, talk, "x")
		}
		pause(time.Second)
		got, err := n.Calls(t.Context(), time.Second)
		if err != nil || len(got) == 0 {
			t.Errorf("Calls() = %d rows, %v, want as many as fit", len(got), err)
		}
		infos, err := n.Nodes(t.Context(), time.Second)
		if err != nil || len(infos) != 1 || infos[0].Awaited != calls {
			t.Errorf("Nodes() = %+v, %v, want one that awaits %d", infos, err, calls)
		}
		cancel()
	})
}

// TestLastReportBeforeTheResult: the answer waits for a report that is on its
// way.
func TestLastReportBeforeTheResult(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, r *rig) {
		task := NewTarget[string, string]("p")
		worker := r.node(Config{}, Implement(task, func(ctx context.Context, in string) (string, error) {
			ReportProgress(ctx, 1, 3, "")
			ReportProgress(ctx, 2, 3, "") // kept back, and on its way when the handler returns
			pause(2 * progressPause)
			return in, nil
		}))
		held := make(chan struct{})
		worker.conn.refusing(func(m *transport.Message) error {
			if isFrame(wire.SuffixProgress)(m.Subject) && string(m.Data) == "2 3 " {
				<-held
			}
			return nil
		})
		time.AfterFunc(3*progressPause, func() { close(held) })
		caller := r.node(Config{})
		var last atomic.Int64
		if _, err := Ask[string, string](caller.under(), task, "x", OnProgress(func(p Progress) { last.Store(p.Done) })); err != nil {
			t.Fatalf("Ask() = %v, want nil", err)
		}
		synctest.Wait()
		if last.Load() != 2 {
			t.Errorf("the last report is %d, want 2", last.Load())
		}
	})
}
