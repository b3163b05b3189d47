package transport

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
)

// journal keeps events as text. The tests below read it only after a wait.
type journal []string

func (j *journal) add(e Event) { *j = append(*j, fmt.Sprint(e.Kind, " ", e.Subject, " ", e.Err)) }

func TestOwnerDeliversInOrderAndEnds(t *testing.T) {
	t.Parallel()
	var o Owner
	var j journal
	if err := o.Attach(j.add); err != nil {
		t.Fatalf("Attach() = %v, want nil", err)
	}
	why := errors.New("why")
	o.Notify(Event{Kind: Cut, Err: why})
	o.Notify(Event{Kind: Restored})
	o.Notify(Event{Kind: Denied, Subject: "a"})
	o.End(nil)
	o.Notify(Event{Kind: Cut})
	o.End(why)
	want := journal{"cut  why", "restored  <nil>", "denied a <nil>", "closed  <nil>"}
	if diff := cmp.Diff(want, j); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	if err := o.Attach(j.add); !errors.Is(err, ErrClosed) {
		t.Errorf("Attach() after End = %v, want ErrClosed", err)
	}
}

func TestOwnerIsTakenOnce(t *testing.T) {
	t.Parallel()
	var o Owner
	var first, second journal
	if err := o.Attach(first.add); err != nil {
		t.Fatalf("Attach() = %v, want nil", err)
	}
	if err := o.Attach(second.add); !errors.Is(err, ErrTaken) {
		t.Errorf("second Attach() = %v, want ErrTaken", err)
	}
	o.End(nil)
	if len(first) != 1 || len(second) != 0 {
		t.Errorf("first owner heard %d events, second %d, want 1 and 0", len(first), len(second))
	}
}

func TestOwnerWhoComesDuringACutHearsOfIt(t *testing.T) {
	t.Parallel()
	var o Owner
	o.Notify(Event{Kind: Denied, Subject: "lost: nobody was there to hear it"})
	o.Notify(Event{Kind: Cut})
	var j journal
	if err := o.Attach(j.add); err != nil {
		t.Fatalf("Attach() = %v, want nil", err)
	}
	o.End(nil)
	if diff := cmp.Diff(journal{"cut  <nil>", "closed  <nil>"}, j); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

func TestOwnerWithoutFunctionIsFine(t *testing.T) {
	t.Parallel()
	var o Owner
	if err := o.Attach(nil); err != nil {
		t.Fatalf("Attach(nil) = %v, want nil", err)
	}
	o.Notify(Event{Kind: Cut})
	o.End(nil)
}

func TestOwnerBoundsAFlood(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var o Owner
		release := make(chan struct{})
		counts := map[EventKind]int{}
		if err := o.Attach(func(e Event) {
			<-release
			counts[e.Kind]++
		}); err != nil {
			t.Fatalf("Attach() = %v, want nil", err)
		}
		for range 10 * maxEvents {
			o.Notify(Event{Kind: Denied, Subject: "a"})
		}
		o.Notify(Event{Kind: Cut})
		synctest.Wait()
		close(release)
		o.End(nil)
		if n := counts[Denied]; n < maxEvents || n > maxEvents+1 {
			t.Errorf("%d Denied events delivered, want about %d", n, maxEvents)
		}
		if counts[Cut] != 1 || counts[Closed] != 1 {
			t.Errorf("%d Cut and %d Closed events, want 1 and 1", counts[Cut], counts[Closed])
		}
	})
}
