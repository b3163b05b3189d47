package transporttest

import (
	"testing"
	"time"

	"github.com/atasks-io/atasks/transport"
)

// Harness is one message fabric under test. Its methods may be called from
// several tests at once.
type Harness interface {
	// Open returns a new connection to the fabric, which nobody has attached
	// to, or fails the test. The suite closes it. On a fabric of several
	// servers it does well to take a different one each time.
	Open(tb testing.TB) transport.Conn
}

// Breaker is a Harness whose link can be broken. Without it, or when Features
// says that a connection reports no cut, the topic "cut" is not run.
type Breaker interface {
	Harness

	// Cut breaks the link of every connection to the fabric, and returns when
	// no link that was there passes anything any more. No new link can be
	// made until Heal.
	Cut(tb testing.TB)

	// Heal lets links be made again. It need not wait for one.
	Heal(tb testing.TB)
}

// Guard is a Harness whose fabric knows permissions. Without it the topic
// "denied" is not run.
type Guard interface {
	Harness

	// OpenGuarded returns a new connection that the fabric lets neither
	// publish nor subscribe to subjects that begin with denied and a dot.
	OpenGuarded(tb testing.TB) (conn transport.Conn, denied string)
}

// Patience is a Harness that sets the time after which a case gives up. The
// default is 10 seconds.
type Patience interface {
	Harness

	// Limit returns the time that a case has; some that do much have three
	// times as much.
	Limit() time.Duration
}

// Open makes a fresh harness for a test or benchmark, and registers with
// Cleanup what has to be undone.
type Open func(tb testing.TB) Harness

func limitOf(h Harness) time.Duration {
	if p, ok := h.(Patience); ok {
		return p.Limit()
	}
	return 10 * time.Second
}
