package transporttest

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

func flushCases() []testCase {
	return []testCase{
		{"makes a subscription live", flushMakesLive},
		{"waits for what was published", flushWaits},
		{"needs no deadline", func(f *fixture) {
			c := f.open()
			f.within("Flush without a deadline", func() {
				if err := c.Flush(context.WithoutCancel(f.ctx)); err != nil {
					f.Errorf("Flush() = %v, want nil", err)
				}
			})
		}},
		{"ends with its context", flushEnds},
		{"features are stated", flushFeatures},
	}
}

func flushMakesLive(f *fixture) {
	c := f.open()
	replies := c.inbox(f.subject("reply"), "")
	for i := range 100 {
		subject := f.subject(fmt.Sprintf("fresh.%d", i))
		in := c.inboxLater(subject, []string{"", "group"}[i%2])
		c.flush()
		c.ask(subject, f.subject("reply"), "there?")
		in.expect("there?")
	}
	c.ask(f.subject("nobody"), f.subject("reply"), "there?")
	replies.expectNoResponders(f.subject("reply"))
}

func flushWaits(f *fixture) {
	from, to := f.open(), f.open()
	in := to.inbox(f.subject("a"), "")
	from.settle(to)
	for i := range 100 {
		from.send(f.subject("a"), fmt.Sprint(i))
	}
	from.flush()
	for i := range 100 {
		in.expect(fmt.Sprint(i))
	}
}

func flushEnds(f *fixture) {
	c := f.open()
	why := errors.New("why")
	ctx, cancel := context.WithCancelCause(f.ctx)
	cancel(why)
	if err := c.Flush(ctx); !errors.Is(err, why) {
		f.Errorf("Flush(ended context) = %v, want an error that wraps the cause %q", err, why)
	}
	c.flush()
}

func flushFeatures(f *fixture) {
	features := f.open().Features()
	if features.Transport == "" || features.MaxPayload < 0 {
		f.Errorf("Features() = %+v, want a name and no negative limit", features)
	}
	for _, p := range features.ReplyPrefixes {
		if len(p) < 2 || !strings.HasSuffix(p, ".") && !strings.HasSuffix(p, "-") {
			f.Errorf("Features().ReplyPrefixes has %q, want something that ends with a separator", p)
		}
	}
}
