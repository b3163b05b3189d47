package atask_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/atasks-io/atasks/actor"
	"github.com/atasks-io/atasks/atask"
)

// TestProgress: the awaiter sees reports in order, one at a time, and the last
// one for certain.
func TestProgress(t *testing.T) {
	eachWay(t, func(t *testing.T, start starter) {
		n := start(t, actor.Config{}, work.With(func(ctx context.Context, in string) (string, error) {
			for i := range int64(100) {
				atask.Progress(ctx, i+1, 100, fmt.Sprintf("step %d", i+1))
				pass(7 * time.Millisecond)
			}
			return in, nil
		}))
		var now atomic.Int32
		var seen []atask.ProgressReport
		got, err := work.Await(n.Context(t.Context()), "in", atask.OnProgress(func(p atask.ProgressReport) {
			if now.Add(1) != 1 {
				t.Error("OnProgress's function runs twice at once")
			}
			seen = append(seen, p)
			pass(time.Millisecond)
			now.Add(-1)
		}))
		succeeds(t, "Await()", got, err, "in")
		pass(time.Second)
		synctest.Wait()
		if len(seen) < 5 {
			t.Fatalf("OnProgress saw %d reports in 700 ms, want at least 5", len(seen))
		}
		for i, p := range seen {
			if i > 0 && p.Done <= seen[i-1].Done {
				t.Errorf("OnProgress saw %d after %d, want them in order", p.Done, seen[i-1].Done)
			}
			if want := fmt.Sprintf("step %d", p.Done); p.Total != 100 || p.Note != want {
				t.Errorf("OnProgress saw %+v, want a total of 100 and the note %q", p, want)
			}
		}
		equal(t, "the last report", seen[len(seen)-1].Done, 100)
	})
}

// TestProgressShows: whoever looks at the calls of a namespace sees how far
// they are.
func TestProgressShows(t *testing.T) {
	eachWay(t, func(t *testing.T, start starter) {
		n := start(t, actor.Config{}, work.With(func(ctx context.Context, in string) (string, error) {
			atask.Progress(ctx, 3, 10, "so far\nso good")
			return forever(ctx, in)
		}))
		f := work.Start(n.Context(t.Context()), "in")
		defer f.Cancel()
		synctest.Wait()
		calls, err := n.Calls(t.Context(), 100*time.Millisecond)
		if err != nil || len(calls) != 1 || calls[0].Progress == nil {
			t.Fatalf("Calls() = %+v, %v, want one with progress", calls, err)
		}
		equal(t, "its progress", *calls[0].Progress, atask.ProgressReport{Done: 3, Total: 10, Note: "so far\nso good"})
	})
}

// TestProgressOfNobody: outside a handler, and of a call that nobody watches,
// it does nothing; a note that is too long is cut.
func TestProgressOfNobody(t *testing.T) {
	eachWay(t, func(t *testing.T, start starter) {
		atask.Progress(t.Context(), 1, 2, "nobody")
		n := start(t, actor.Config{}, work.With(func(ctx context.Context, in string) (string, error) {
			atask.Progress(ctx, 1, 2, "nobody")
			atask.Progress(ctx, 1, 2, strings.Repeat("ä", 10_000)+"\xff")
			return in, nil
		}))
		ctx := n.Context(t.Context())
		got, err := work.Await(ctx, "in")
		succeeds(t, "Await()", got, err, "in")
		notes := make(chan string, 10)
		got, err = work.Await(ctx, "in", atask.OnProgress(func(p atask.ProgressReport) { notes <- p.Note }))
		succeeds(t, "Await(OnProgress)", got, err, "in")
		pass(time.Second)
		synctest.Wait()
		close(notes)
		var last string
		for note := range notes {
			last = note
		}
		if len(last) > 1024 || !strings.HasPrefix(last, "ää") {
			t.Errorf("the last note has %d bytes, want at most 1024 of the note", len(last))
		}
	})
}
