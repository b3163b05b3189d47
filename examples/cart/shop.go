package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"sync"
	"time"

	"github.com/atasks-io/atasks/actor"
	"github.com/atasks-io/atasks/atask"
	"github.com/atasks-io/atasks/embedded"
)

// shop is where the customers are: it asks the carts, and writes the letters.
type shop struct {
	node *actor.Node

	mu      sync.Mutex
	letters map[string][]Letter // by customer
}

func openShop(ctx context.Context, srv *embedded.Server) (*shop, error) {
	conn, err := srv.Connect()
	if err != nil {
		return nil, err
	}
	s := &shop{letters: make(map[string][]Letter)}
	if s.node, err = actor.Start(ctx, conn, actor.Config{}); err != nil {
		return nil, err
	}
	mail := Mail.With(func(_ context.Context, l Letter) (atask.None, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.letters[l.To] = append(s.letters[l.To], l)
		return atask.None{}, nil
	})
	if err := s.node.Serve(mail); err != nil {
		return nil, errors.Join(err, s.node.Close())
	}
	return s, nil
}

// sales is what the customers did, as they remember it.
type sales struct {
	carts map[string]map[string]int
	paid  map[string]bool
	begun int // carts that there were when the host was killed
}

// customer names one of them.
func customer(n int) string { return fmt.Sprintf("customer %d", n) }

// serve lets all customers choose at once, and every other one pay. Half way it
// has a host die.
func (s *shop) serve(ctx context.Context, o options, die func()) (sales, error) {
	ctx = s.node.Context(ctx)
	goods := []string{"pen", "ink", "paper", "stamp", "string", "glue"}
	done := sales{carts: make(map[string]map[string]int), paid: make(map[string]bool)}
	var mu sync.Mutex
	choices := 0
	errs := make([]error, o.customers)
	var all sync.WaitGroup
	for n := range o.customers {
		all.Go(func() {
			name := customer(n)
			cart := make(map[string]int)
			for i, item := range goods {
				count := (n + i) % 4 // none of it takes it out again
				if _, err := Put.Ask(ctx, name, Choice{item, count, o.patience}); err != nil {
					errs[n] = fmt.Errorf("%s puts %d × %s: %w", name, count, item, err)
					return
				}
				if count > 0 {
					cart[item] = count
				}
				mu.Lock()
				done.carts[name] = cart
				if choices++; choices == o.customers*len(goods)/2 {
					done.begun = len(done.carts)
					go die()
				}
				mu.Unlock()
			}
			if n%2 == 0 {
				return // forgotten
			}
			if _, err := Checkout.Ask(ctx, name, atask.None{}); err != nil {
				errs[n] = fmt.Errorf("%s pays: %w", name, err)
				return
			}
			mu.Lock()
			done.paid[name] = true
			mu.Unlock()
		})
	}
	all.Wait()
	return done, errors.Join(errs...)
}

// close waits until the forgotten customers have their letters, and compares
// the carts with what the customers remember.
func (s *shop) close(ctx context.Context, o options, done sales, out io.Writer) error {
	forgotten := len(done.carts) - len(done.paid)
	ctx, cancel := context.WithTimeoutCause(ctx, o.patience+30*time.Second, errors.New("the letters do not come"))
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for s.written() < forgotten {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("%d of %d customers were reminded: %w", s.written(), forgotten, context.Cause(ctx))
		}
	}
	var wrong []error
	items := 0
	for name, cart := range done.carts {
		got, err := Show.Ask(s.node.Context(ctx), name, atask.None{})
		if err != nil {
			return err
		}
		items += got.count()
		letters := s.lettersTo(name)
		switch {
		case !maps.Equal(got.Items, cart):
			wrong = append(wrong, fmt.Errorf("%s chose %v, the cart holds %v", name, cart, got.Items))
		case got.Paid != done.paid[name]:
			wrong = append(wrong, fmt.Errorf("%s paid: %v, the cart says %v", name, done.paid[name], got.Paid))
		case got.Paid && got.Reminds+letters > 0, !got.Paid && (got.Reminds != 1 || letters < 1):
			wrong = append(wrong, fmt.Errorf("%s, who paid: %v, was reminded %d times by %d letters", name, got.Paid, got.Reminds, letters))
		}
	}
	if len(wrong) > 0 {
		return errors.Join(wrong...)
	}
	return say(out, "%d carts hold %d things, all that was chosen; %d were paid for; %d customers were reminded, once each\n",
		len(done.carts), items, len(done.paid), forgotten)
}

func (s *shop) lettersTo(customer string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.letters[customer])
}

// written is how many customers have a letter.
func (s *shop) written() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.letters)
}
