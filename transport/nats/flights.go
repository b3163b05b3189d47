package nats

import (
	"context"
	"strings"
	"sync"
)

// flights are the requests that wait for an answer. The client lets them wait
// whatever happens to the connection, so they are ended here.
type flights struct {
	mu  sync.Mutex // guards the field below
	all map[*flight]struct{}
}

type flight struct {
	subject string
	end     context.CancelCauseFunc
}

// begin returns the context of a request to subject; done has to be called when
// it is over.
func (f *flights) begin(ctx context.Context, subject string) (_ context.Context, done func()) {
	ctx, end := context.WithCancelCause(ctx)
	fl := &flight{subject: subject, end: end}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.all == nil {
		f.all = make(map[*flight]struct{})
	}
	f.all[fl] = struct{}{}
	return ctx, func() {
		f.mu.Lock()
		delete(f.all, fl)
		f.mu.Unlock()
		end(nil)
	}
}

// end ends all requests for the reason why.
func (f *flights) end(why error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for fl := range f.all {
		fl.end(why)
	}
}

// deny ends the requests that the server has refused. When it has refused the
// inbox for the answers, that is all of them.
func (f *flights) deny(subject, inbox string, why error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for fl := range f.all {
		if fl.subject == subject || strings.HasPrefix(subject, inbox+".") {
			fl.end(why)
		}
	}
}
