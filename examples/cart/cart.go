package main

import (
	"context"
	"errors"
	"time"

	"github.com/atasks-io/atasks/actor"
	"github.com/atasks-io/atasks/atask"
)

// Cart is what a customer has chosen. It lives behind the customer's name, on
// one host at a time, and in the store of the server.
type Cart struct {
	Items   map[string]int
	Paid    bool
	Reminds int // how often the customer was reminded
}

// Choice is how many of something a customer wants. To say it twice is to say
// it once, so the messages below may run again when a host is lost.
type Choice struct {
	Item     string
	Count    int
	Patience time.Duration // how long the cart may stand before the customer is reminded
}

// Letter is what a forgotten customer gets.
type Letter struct {
	To    string
	Items int
}

var (
	// Carts is the kind.
	Carts = actor.DeclareKind[Cart]("cart")
	// Put says how many of something a customer wants, and answers with how
	// many things the cart holds.
	Put = actor.Method[Choice, int](Carts, "put", actor.Idempotent())
	// Checkout pays, and answers with how many things were paid for.
	Checkout = actor.Method[atask.None, int](Carts, "checkout", actor.Idempotent())
	// Remind has a letter written to a customer who has not paid.
	Remind = actor.Method[atask.None, atask.None](Carts, "remind")
	// Show answers with the cart.
	Show = actor.Method[atask.None, Cart](Carts, "show", actor.ReadOnly())

	// Mail is the task that writes letters.
	Mail = atask.Declare[Letter, atask.None]("mail")
)

var errPaid = errors.New("the cart was paid for already")

// forgotten is the reminder that every cart has until it is paid for.
const forgotten = "forgotten"

// put changes the cart, and puts off the reminder.
func (c *Cart) put(ctx context.Context, in Choice) (int, error) {
	if c.Paid {
		return 0, errPaid
	}
	if c.Items == nil {
		c.Items = make(map[string]int)
	}
	if c.Items[in.Item] = in.Count; in.Count == 0 {
		delete(c.Items, in.Item)
	}
	return c.count(), actor.Remind(ctx, forgotten, time.Now().Add(in.Patience), Remind, atask.None{})
}

// checkout ends the cart, and the reminder.
func (c *Cart) checkout(ctx context.Context, _ atask.None) (int, error) {
	c.Paid = true
	return c.count(), actor.CancelReminder(ctx, forgotten)
}

// remind is the message that the broker sends when a cart has been standing for
// too long.
func (c *Cart) remind(ctx context.Context, _ atask.None) (atask.None, error) {
	c.Reminds++
	customer, _ := actor.KeyFrom(ctx)
	return atask.None{}, Mail.Tell(ctx, Letter{To: customer, Items: c.count()})
}

func (c *Cart) show(context.Context, atask.None) (Cart, error) { return *c, nil }

func (c *Cart) count() (n int) {
	for _, k := range c.Items {
		n += k
	}
	return n
}

// carts is the kind with what carries it out.
func carts() actor.Servable {
	return Carts.With(
		Put.With((*Cart).put), Checkout.With((*Cart).checkout), Remind.With((*Cart).remind), Show.With((*Cart).show),
	)
}
