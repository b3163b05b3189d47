package actor

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/atasks-io/atasks/transport"
)

// scroll is state that shows in which order messages came.
type scroll struct{ Lines []string }

type scrolls struct {
	kind  *Kind[scroll]
	write *KindMethod[string, int, scroll]
	read  *KindMethod[struct{}, []string, scroll]
}

func newScrolls(opts ...KindOption) *scrolls {
	k := DeclareKind[scroll]("tally", opts...) // named as keyOf has it
	return &scrolls{k, Method[string, int](k, "write", Idempotent()), Method[struct{}, []string](k, "read", ReadOnly())}
}

func (s *scrolls) servable(work time.Duration) Servable {
	return s.kind.With(
		s.write.With(func(sc *scroll, _ context.Context, line string) (int, error) {
			if work > 0 {
				pause(work)
			}
			sc.Lines = append(sc.Lines, line)
			return len(sc.Lines), nil
		}),
		s.read.With(func(sc *scroll, _ context.Context, _ struct{}) ([]string, error) { return sc.Lines, nil }),
	)
}

// checkOrder checks that the lines of each writer are all there, in order. A
// line that was written again, because nobody knew whether it was, may be there
// twice.
func checkOrder(t *testing.T, lines []string, writers, each int) {
	t.Helper()
	next := make(map[string]int)
	for _, line := range lines {
		writer, number, _ := strings.Cut(line, ":")
		n, err := strconv.Atoi(number)
		if err != nil || n > next[writer] {
			t.Fatalf("line %s comes before %s:%d, in %q", line, writer, next[writer], lines)
		}
		next[writer] = n + 1
	}
	for w := range writers {
		if got := next[strconv.Itoa(w)]; got != each {
			t.Errorf("the last line of writer %d is %d, want %d", w, got-1, each-1)
		}
	}
}

// TestAsksKeepTheirOrder: messages that one node sends to an entity without
// waiting for answers are executed in that order, also when some are refused and
// tried again: by a mailbox that is full, by hosts that come and go, by one that
// dies.
func TestAsksKeepTheirOrder(t *testing.T) {
	t.Parallel()
	const each = 120
	for name, c := range map[string]struct {
		opts []KindOption
		hurt func(r *rig, s *scrolls, hosts []*member)
		here bool // a host asks, too
	}{
		"undisturbed":                   {},
		"full mailbox":                  {opts: []KindOption{MailboxSize(3)}},
		"full mailbox, from a host too": {opts: []KindOption{MailboxSize(3)}, here: true},
		"hosts come and go": {here: true, hurt: func(r *rig, s *scrolls, _ []*member) {
			for range 4 {
				h := r.node(Config{}, s.servable(time.Millisecond))
				pause(20 * time.Millisecond)
				if err := h.Drain(context.Background()); err != nil {
					r.t.Errorf("Drain() = %v", err)
				}
			}
		}},
		"the owner dies": {hurt: func(_ *rig, _ *scrolls, hosts []*member) {
			hosts[0].conn.kill()
		}},
		"messages are refused at random": {here: true, hurt: func(_ *rig, _ *scrolls, hosts []*member) {
			draw := rand.New(rand.NewPCG(1, 2))
			hosts[2].conn.refusing(func(m *transport.Message) error {
				if strings.Contains(m.Subject, ".ask.") && draw.IntN(4) == 0 {
					return transport.ErrDisconnected
				}
				return nil
			})
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			virtual(t, func(t *testing.T, r *rig) {
				s := newScrolls(c.opts...)
				hosts := []*member{r.node(Config{}, s.servable(time.Millisecond)), r.node(Config{}, s.servable(time.Millisecond))}
				writers := []*member{r.node(Config{}), r.node(Config{})}
				if c.here {
					writers = append(writers, hosts[1])
				}
				key := keyOf(hosts[0], hosts[1])
				pause(time.Second)
				if c.hurt != nil {
					go c.hurt(r, s, append(slices.Clone(hosts), writers[0]))
				}
				var all []*Future[int]
				for n := range each {
					for w, writer := range writers {
						all = append(all, s.write.Start(writer.under(), key, fmt.Sprintf("%d:%d", w, n), CallTimeout(time.Minute)))
					}
					if n%10 == 9 {
						pause(3 * time.Millisecond)
					}
				}
				for i, f := range all {
					if _, err := f.Await(context.Background()); err != nil {
						t.Fatalf("write %d: %v", i, err)
					}
				}
				lines, err := s.read.Ask(writers[0].under(), key, struct{}{})
				if err != nil {
					t.Fatal(err)
				}
				checkOrder(t, lines, len(writers), each)
				for _, w := range writers {
					w.calls.mu.Lock()
					if n := len(w.calls.lanes); n > 0 {
						t.Errorf("%d lanes are left", n)
					}
					w.calls.mu.Unlock()
				}
			})
		})
	}
}

// TestAskOfNobodyLetsOthersGo: a message that ends while others wait behind it
// does not keep them.
func TestAskOfNobodyLetsOthersGo(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, r *rig) {
		s := newScrolls(Volatile())
		asking := r.node(Config{})
		first := s.write.Start(asking.under(), "k", "0:0", CallTimeout(200*time.Millisecond))
		second := s.write.Start(asking.under(), "k", "0:0", CallTimeout(time.Minute))
		ctx, cancel := context.WithCancel(asking.under())
		third := s.write.Start(ctx, "k", "0:7", CallTimeout(time.Minute))
		fourth := s.write.Start(asking.under(), "k", "0:1", CallTimeout(time.Minute))
		pause(100 * time.Millisecond)
		cancel()
		if _, err := first.Await(t.Context()); err == nil {
			t.Error("a message to a kind that nobody hosts was answered")
		}
		if _, err := third.Await(t.Context()); !errors.Is(err, context.Canceled) {
			t.Errorf("the cancelled message ended with %v", err)
		}
		if err := r.node(Config{}).Serve(s.servable(0)); err != nil {
			t.Fatal(err)
		}
		for _, f := range []*Future[int]{second, fourth} {
			if _, err := f.Await(t.Context()); err != nil && !errors.Is(err, ErrNoWorker) {
				t.Errorf("a message behind others ended with %v", err)
			}
		}
		if got, err := s.write.Ask(asking.under(), "k", "0:2"); err != nil {
			t.Errorf("write = %d, %v", got, err)
		}
	})
}

// TestAskByMiddleware: middleware of the asking node sees messages to entities.
func TestAskByMiddleware(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, r *rig) {
		s := newScrolls()
		var seen []string
		asking := r.node(Config{OnCall: []Middleware{func(next Handler) Handler {
			return func(ctx context.Context, c *Call) error {
				seen = append(seen, c.Info.Task+" "+c.Info.Key)
				return next(ctx, c)
			}
		}}})
		r.node(Config{}, s.servable(0))
		for i := range 3 {
			if got, err := s.write.Ask(asking.under(), "k", "0:0"); got != i+1 || err != nil {
				t.Fatalf("write = %d, %v, want %d", got, err, i+1)
			}
		}
		if want := slices.Repeat([]string{"tally.write k"}, 3); !slices.Equal(seen, want) {
			t.Errorf("middleware saw %q, want %q", seen, want)
		}
	})
}
