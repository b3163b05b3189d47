package amqp

import (
	"errors"
	"strconv"
	"strings"
	"sync"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/atasks-io/atasks/transport"
)

// maxRefusals bounds what is kept for a Flush that may never come.
const maxRefusals = 16

// refusals keeps in words what the broker has refused since the last Flush.
type refusals struct {
	mu    sync.Mutex // guards fresh
	fresh []string
}

func (r *refusals) add(words string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.fresh) < maxRefusals {
		r.fresh = append(r.fresh, words)
	}
}

func (r *refusals) take() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	fresh := r.fresh
	r.fresh = nil
	return fresh
}

func describe(refused []string) string { return strings.Join(refused, ", ") }

// denied tells of a refusal: what was attempted, on which subject, where known.
func (c *Conn) denied(attempt, subject string, err error) {
	words := attempt + " " + strconv.Quote(subject)
	if subject == "" {
		words = attempt + " something: " + plain(err)
	}
	c.refusals.add(words)
	c.owner.Notify(transport.Event{Kind: transport.Denied, Subject: subject, Err: errors.New(plain(err))})
}

// isRefusal says whether the broker has refused something for good, and has
// closed the channel over it, but not the connection.
func isRefusal(err error) bool {
	var e *amqp.Error
	return errors.Is(err, errTooMany) || errors.As(err, &e) && (e.Code == amqp.AccessRefused || e.Code == amqp.PreconditionFailed || e.Code == amqp.ResourceLocked)
}

// isMissing says whether the broker does not know what was named.
func isMissing(err error) bool {
	var e *amqp.Error
	return errors.As(err, &e) && e.Code == amqp.NotFound
}

// plain is what the broker has said, without the user's name.
func plain(err error) string {
	var e *amqp.Error
	text := err.Error()
	if errors.As(err, &e) {
		text = e.Reason
	}
	before, _, _ := strings.Cut(text, " for user ")
	return before
}

// refusedSubject returns the subject that the broker names when it refuses to
// publish: ACCESS_REFUSED - access to topic 'subject' in exchange ...
func refusedSubject(err error) string {
	_, rest, ok := strings.Cut(plain(err), "access to topic '")
	if !ok {
		return ""
	}
	key, _, ok := strings.Cut(rest, "' in exchange '")
	if !ok {
		return ""
	}
	return fromKey(key)
}
