package nats

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/nats-io/nats.go"
)

// maxRefusals bounds what is kept for a Flush that may never come.
const maxRefusals = 16

// refusals keeps what the server has refused since the last Flush. It hears of
// a refusal in two ways: by the client's callback, which names every one but
// comes late, and by the client's last error, which is there in time but is
// only the last. Since each refusal is an error value of its own, the one is
// recognized in the other.
type refusals struct {
	mu    sync.Mutex // guards the fields below
	fresh []error    // not reported by a Flush yet
	known error      // the newest that is accounted for
	early []error    // reported by a Flush before the callback came
}

// called takes a refusal from the callback and says whether it is news.
func (r *refusals) called(err error) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if i := slices.Index(r.early, err); i >= 0 {
		r.early = slices.Delete(r.early, 0, i+1)
		return false
	}
	// What comes before one that a Flush has reported was refused before that
	// Flush, which has failed because of it already.
	if len(r.early) == 0 {
		r.add(err)
	}
	return true
}

// flushed takes the client's last error after a round trip. It returns what has
// been refused since it was called before, and the last of these if the
// callback has not told of it. Callbacks says whether there will be one.
func (r *refusals) flushed(last error, callbacks bool) (refused []error, news error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if isRefusal(last) && last != r.known { //nolint:errorlint // each refusal is a value of its own
		r.add(last)
		news = last
		if callbacks {
			r.early = append(r.early, last)
		}
	}
	refused, r.fresh = r.fresh, nil
	return refused, news
}

// add notes a refusal. mu is held.
func (r *refusals) add(err error) {
	r.known = err
	if len(r.fresh) < maxRefusals {
		r.fresh = append(r.fresh, err)
	}
}

// isRefusal says whether the server has refused something for good: a
// permission is missing, or the account may hold no more subscriptions.
func isRefusal(err error) bool {
	return errors.Is(err, nats.ErrPermissionViolation) || errors.Is(err, nats.ErrMaxSubscriptionsExceeded)
}

// refusedSubject returns the subject that the server's text names in quotes, as
// in: Permissions Violation for Publish to "subject".
func refusedSubject(err error) string {
	_, rest, _ := strings.Cut(err.Error(), `"`)
	quoted, e := strconv.QuotedPrefix(`"` + rest)
	if e != nil {
		return ""
	}
	subject, _ := strconv.Unquote(quoted) // cannot fail after QuotedPrefix
	return subject
}

// describe puts refusals into words.
func describe(refused []error) string {
	words := make([]string, len(refused))
	for i, err := range refused {
		subject := strconv.Quote(refusedSubject(err))
		switch text := err.Error(); {
		case errors.Is(err, nats.ErrMaxSubscriptionsExceeded):
			words[i] = "subscribe: the account's limit of subscriptions is reached"
		case strings.Contains(text, "Publish with Reply"):
			words[i] = "publish with the reply subject " + subject
		case strings.Contains(text, "Publish"):
			words[i] = "publish to " + subject
		default:
			words[i] = "subscribe to " + subject
		}
	}
	return strings.Join(words, ", ")
}
