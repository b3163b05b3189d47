package atasktest_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/atasks-io/atasks/atask"
	"github.com/atasks-io/atasks/atask/atasktest"
)

var (
	charge  = atask.Declare[int, string]("charge")
	invoice = atask.Declare[int, string]("invoice")
)

func makeInvoice(ctx context.Context, cents int) (string, error) {
	receipt, err := charge.Await(ctx, cents)
	if errors.Is(err, atask.ErrNoWorker) {
		return "unpaid", nil // swallows the error that the test must see
	}
	return "paid: " + receipt, err
}

func chargeCard(context.Context, int) (string, error) { return "", errors.New("no card in a test") }

// A stand-in for a dependency comes after the list that the program serves.
func TestStandIn(t *testing.T) {
	t.Parallel()
	program := []atask.Servable{invoice.With(makeInvoice), charge.With(chargeCard)}
	ctx, _ := atasktest.New(t, append(program, charge.With(func(_ context.Context, cents int) (string, error) {
		return fmt.Sprintf("%d cents", cents), nil
	}))...)
	got, err := invoice.Await(ctx, 42)
	if want := "paid: 42 cents"; got != want || err != nil {
		t.Errorf("invoice(42) = %q, %v, want %q, nil", got, err, want)
	}
}

// recorder is a test that notes its failures instead of failing.
type recorder struct {
	testing.TB
	mu       sync.Mutex
	failures []string
	cleanups []func()
}

func (r *recorder) Errorf(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failures = append(r.failures, fmt.Sprintf(format, args...))
}

func (r *recorder) Cleanup(f func()) { r.cleanups = append(r.cleanups, f) }

// finish does what a test does at its end.
func (r *recorder) finish() {
	for i := len(r.cleanups) - 1; i >= 0; i-- {
		r.cleanups[i]()
	}
}

func TestUnservedCallFailsTheTest(t *testing.T) {
	t.Parallel()
	r := &recorder{TB: t}
	ctx, _ := atasktest.New(r, invoice.With(makeInvoice))
	if got, err := invoice.Await(ctx, 42); got != "unpaid" || err != nil {
		t.Errorf("invoice(42) = %q, %v, want unpaid, nil", got, err)
	}
	r.finish()
	if len(r.failures) != 1 || !strings.Contains(r.failures[0], `"charge"`) {
		t.Errorf("failures = %q, want one that names charge", r.failures)
	}
}

// A handler that cannot be stopped is a leak, and the test hears of it.
func TestStuckHandlerFailsTheTest(t *testing.T) {
	t.Parallel()
	begun, end := make(chan struct{}), make(chan struct{})
	stuck := atask.Define("stuck", func(context.Context, atask.None) (atask.None, error) {
		close(begun)
		<-end
		return atask.None{}, nil
	})
	r := &recorder{TB: t}
	ctx, _ := atasktest.New(r, stuck)
	if err := stuck.Tell(ctx, atask.None{}); err != nil {
		t.Fatal(err)
	}
	<-begun
	r.finish()
	close(end)
	if len(r.failures) != 1 || !strings.Contains(r.failures[0], `"stuck"`) {
		t.Errorf("failures = %q, want one that names stuck", r.failures)
	}
}
