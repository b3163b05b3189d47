package embedded

import (
	"context"
	"time"
)

// How long poll waits between two looks: short at first, since most of what is
// waited for has nearly happened.
const (
	firstLook = time.Millisecond
	laterLook = 50 * time.Millisecond
)

// poll returns nil once done does, or the cause of ctx when that ends first.
// The server has no way to say when its last client has left or its cluster
// has formed, so somebody has to look.
func poll(ctx context.Context, done func() bool) error {
	wait := firstLook
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for !done() {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-timer.C:
			wait = min(2*wait, laterLook)
			timer.Reset(wait)
		}
	}
	return nil
}
