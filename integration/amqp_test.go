package integration

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/atasks-io/atasks/atask"
	"github.com/atasks-io/atasks/internal/rabbittest"
)

// rabbit is the broker of all these tests. Each has an exchange of its own.
var rabbit rabbittest.Shared

// mark is a call of which the handler leaves a line in a file, so that it is
// known how often it ran, whatever became of its worker.
type markInput struct {
	Path string        `json:"path"`
	Name string        `json:"name"`
	Work time.Duration `json:"work"`
}

var (
	markTask = atask.Declare[markInput, string]("mark")
	waitTask = atask.Declare[markInput, string]("wait", atask.Idempotent())
)

func mark(ctx context.Context, in markInput) (string, error) {
	f, err := os.OpenFile(in.Path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return "", err
	}
	_, err = fmt.Fprintln(f, in.Name)
	if err := errors.Join(err, f.Close()); err != nil {
		return "", err
	}
	select {
	case <-time.After(in.Work):
		return in.Name, nil
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
}

// waitLong works on its first run only, so that it ends soon when it runs again.
func waitLong(ctx context.Context, in markInput) (string, error) {
	if info, ok := atask.InfoFrom(ctx); ok && info.Attempt > 1 {
		in.Work = 0
	}
	return mark(ctx, in)
}

// marks counts the lines of such a file by what they say.
func marks(t *testing.T, path string) map[string]int {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	count := make(map[string]int)
	for name := range strings.FieldsSeq(string(text)) {
		count[name]++
	}
	return count
}

// onRabbit returns a URL for connectTo.
func onRabbit(t *testing.T) (url, exchange string) {
	t.Helper()
	exchange = "test" + strconv.FormatUint(rand.Uint64(), 36)
	return rabbit.URL(t) + "#" + exchange, exchange
}

// A recursion, a deep one and a wide one finish with one slot a worker, as on
// NATS.
func TestTreesOnRabbit(t *testing.T) {
	t.Parallel()
	url, _ := onRabbit(t)
	startWorker(t, url, 1)
	startWorker(t, url, 1)
	ctx := startCaller(t, url)
	for _, c := range []struct {
		name     string
		task     *atask.Task[int, int]
		in, want int
	}{
		{"await", oneTask, 7, 7},
		{"fib", fibTask, 15, 610},
		{"depth", downTask, 200, 200},
		{"fan-out", fanTask, 500, 500 * 499 / 2},
	} {
		if got, err := c.task.Await(ctx, c.in); err != nil || got != c.want {
			t.Errorf("%s: Await(%d) = %d, %v, want %d, nil", c.name, c.in, got, err, c.want)
		}
	}
}

// Errors, deadlines, cancels and progress come across.
func TestOutcomesOnRabbit(t *testing.T) {
	t.Parallel()
	url, _ := onRabbit(t)
	startWorker(t, url, 8)
	ctx := startCaller(t, url)
	if _, err := failTask.Await(ctx, 1); err == nil || !strings.Contains(err.Error(), "no") || errors.Is(err, atask.ErrWorkerLost) {
		t.Errorf("fail = %v, want its handler's error", err)
	}
	if _, err := atask.Declare[int, int]("nobody").Await(ctx, 1); !errors.Is(err, atask.ErrNoWorker) {
		t.Errorf("a task that nobody serves = %v, want %v", err, atask.ErrNoWorker)
	}
	long := markInput{Path: filepath.Join(t.TempDir(), "marks"), Name: "x", Work: time.Minute}
	began := time.Now()
	if _, err := markTask.Await(ctx, long, atask.CallTimeout(300*time.Millisecond)); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) > 5*time.Second {
		t.Errorf("a call with a deadline = %v after %v, want %v after 300ms", err, time.Since(began), context.DeadlineExceeded)
	}
	f := markTask.Start(ctx, long)
	waitFor(t, "the handler", func() bool { return marks(t, long.Path)["x"] == 2 })
	f.Cancel()
	if _, err := f.Await(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled call = %v, want %v", err, context.Canceled)
	}
	var steps atomic.Int64
	if _, err := slowTask.Start(ctx, "x", atask.OnProgress(func(atask.ProgressReport) { steps.Add(1) })).Await(ctx); err != nil {
		t.Errorf("slow = %v, want nil", err)
	}
	waitFor(t, "progress", func() bool { return steps.Load() > 0 }) // may be told after the result
}

// A worker that is killed loses its calls as on NATS: one that may run twice
// does, elsewhere, and one that may not ends with ErrWorkerLost.
func TestKilledWorkerOnRabbit(t *testing.T) {
	t.Parallel()
	url, _ := onRabbit(t)
	ctx := startCaller(t, url)
	victim := startVictim(t, url)
	path := filepath.Join(t.TempDir(), "marks")
	const each = 20
	var once, again []*atask.Future[string]
	for i := range each {
		in := markInput{Path: path, Work: time.Minute}
		in.Name = fmt.Sprint("once", i)
		once = append(once, markTask.Start(ctx, in))
		in.Name = fmt.Sprint("again", i)
		again = append(again, waitTask.Start(ctx, in))
	}
	waitFor(t, "all handlers", func() bool { return len(marks(t, path)) == 2*each })
	startWorker(t, url, 64)
	if err := victim.Kill(); err != nil {
		t.Fatal(err)
	}
	for i := range each {
		if _, err := once[i].Await(ctx); !errors.Is(err, atask.ErrWorkerLost) {
			t.Errorf("once%d = %v, want %v", i, err, atask.ErrWorkerLost)
		}
		if got, err := again[i].Await(ctx); err != nil || got != fmt.Sprint("again", i) {
			t.Errorf("again%d = %q, %v, want a result", i, got, err)
		}
	}
	for name, n := range marks(t, path) {
		if want := 1 + strings.Count(name, "again"); n != want {
			t.Errorf("%s ran %d times, want %d", name, n, want)
		}
	}
}

// What the broker had delivered to a worker that is lost comes to another one,
// marked. Nobody knows whether it ran, so it does not run again: who called is
// told that the worker is lost.
func TestRedeliveredOnRabbit(t *testing.T) {
	t.Parallel()
	url, exchange := onRabbit(t)
	startWorker(t, url, 8)
	c := newForeign(t, url, exchange)
	// A member of the task's group that takes calls and does nothing.
	thief := openChannel(t, url)
	if err := thief.Qos(10, 0, false); err != nil {
		t.Fatal(err)
	}
	taken, err := thief.Consume(exchange+".group.at.at.default.task.mark", "", false, false, false, false, nil)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "marks")
	const calls, stolen = 40, 10
	for i := range calls {
		c.publish(t, "at.default.task.mark", fmt.Sprint(i), directReply, fmt.Sprintf(`{"path":%q,"name":"n%d"}`, path, i))
	}
	for range stolen {
		select {
		case <-taken:
		case <-time.After(10 * time.Second):
			t.Fatal("the thief got too few calls")
		}
	}
	if err := thief.Close(); err != nil {
		t.Fatal(err)
	}
	lost := 0
	for range calls {
		a := c.answer(t)
		ran := marks(t, path)["n"+a.CorrelationId]
		switch code := a.Headers["At-Error"]; {
		case code == nil && ran == 1:
		case code == "worker_lost" && a.Headers["At-Executed"] == "unknown" && ran == 0:
			lost++
		default:
			t.Errorf("call %s is answered with %v %q and ran %d times", a.CorrelationId, a.Headers, a.Body, ran)
		}
	}
	if lost != stolen {
		t.Errorf("%d calls were answered with worker_lost, want the %d that were delivered before", lost, stolen)
	}
}

// A client that knows nothing of this library calls a task with JSON, a
// correlation ID and an address for the answer.
func TestForeignCallerOnRabbit(t *testing.T) {
	t.Parallel()
	url, exchange := onRabbit(t)
	startWorker(t, url, 4)
	c := newForeign(t, url, exchange)
	c.publish(t, "at.default.task.fib", "7", directReply, `10`)
	if a := c.answer(t); string(a.Body) != "55" || a.CorrelationId != "7" || a.ContentType != "application/json" {
		t.Errorf("fib(10) is answered with %q, ID %q, %s, want 55, 7, application/json", a.Body, a.CorrelationId, a.ContentType)
	}
	c.publish(t, "at.default.task.fib", "8", directReply, `"ten"`)
	if a := c.answer(t); a.Headers["At-Error"] != "bad_input" || a.Headers["At-Executed"] != "no" {
		t.Errorf("fib(ten) is answered with %v, want bad_input, not executed", a.Headers)
	}
	c.publish(t, "at.default.task.nobody", "9", directReply, `1`)
	select {
	case r := <-c.returned:
		if r.CorrelationId != "9" || r.ReplyCode != amqp.NoRoute {
			t.Errorf("a call that nobody serves is returned as %s with %d, want 9 with %d", r.CorrelationId, r.ReplyCode, amqp.NoRoute)
		}
	case <-time.After(10 * time.Second):
		t.Error("a call that nobody serves is not returned")
	}

	// A queue that the server has named will do; one of somebody else will not,
	// since a caller could make a worker write there.
	own, err := c.ch.QueueDeclare("", false, true, true, false, nil)
	if err != nil {
		t.Fatal(err)
	}
	victim, err := c.ch.QueueDeclare(exchange+"-victim", false, true, true, false, nil)
	if err != nil {
		t.Fatal(err)
	}
	c.publish(t, "at.default.task.fib", "10", victim.Name, `5`)
	c.publish(t, "at.default.task.fib", "11", own.Name, `6`)
	c.publish(t, "at.default.task.fib", "12", directReply, `7`)
	if a := c.answer(t); a.CorrelationId != "12" || string(a.Body) != "13" {
		t.Errorf("fib(7) is answered with %q, ID %q, want 13, 12", a.Body, a.CorrelationId)
	}
	waitFor(t, "the answer in a queue that the server has named", func() bool {
		a, ok, err := c.ch.Get(own.Name, true)
		if err != nil {
			t.Fatal(err)
		}
		return ok && a.CorrelationId == "11" && string(a.Body) == "8"
	})
	if a, ok, err := c.ch.Get(victim.Name, true); ok || err != nil {
		t.Errorf("a queue of somebody else got %q (%v), want nothing", a.Body, err)
	}
}
