package main

import (
	"context"
	"fmt"

	"github.com/atasks-io/atasks/codec"
)

// bareSection is what the context and the codec cost on the caller's side of
// every call, by hand or by tasks: nothing is sent.
const bareSection = "bare/100B"

// bare makes what goes into a call, and takes what comes out of one.
type bare struct{}

// operation implements operator.
func (bare) operation(ctx context.Context, _ string, size int) (operation, error) {
	pattern, err := newPayload(size)
	if err != nil {
		return nil, err
	}
	return func(bool) call {
		p := pattern
		return func() error {
			ctx, cancel := context.WithTimeout(ctx, callTimeout)
			defer cancel()
			p.ID++
			body, err := codec.Msgpack.Marshal(&p)
			if err != nil {
				return err
			}
			var got Payload
			if err := codec.Msgpack.Unmarshal(body, &got); err != nil {
				return err
			}
			if got.ID != p.ID {
				return fmt.Errorf("the copy of payload %d is %d", p.ID, got.ID)
			}
			return ctx.Err()
		}
	}, nil
}

func bareSections() []section {
	return []section{{
		name: bareSection,
		measure: func(ctx context.Context, b *bench, name string) error {
			return b.with(ctx, name, 0, []string{kindBare}, func(f *fleet) error {
				s, err := b.alternate(ctx, f.contenders(job{Size: 100, InFlight: 1}, kindBare))
				if err != nil {
					return err
				}
				b.addCalls("Await", name, f.kinds, s)
				return nil
			})
		},
	}}
}
