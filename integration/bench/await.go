package main

import (
	"context"
	"fmt"
)

// awaitKinds are measured in this order, again and again.
func awaitKinds() []string { return []string{kindHand, kindHandOwn, kindTasks, kindFloor} }

// sizes are the payloads, in bytes, by the names that they have in sections.
func sizes() []struct {
	name  string
	bytes int
} {
	return []struct {
		name  string
		bytes int
	}{{"100B", 100}, {"4KiB", 4 << 10}, {"256KiB", 256 << 10}}
}

// awaitSections are the matrix of workers, calls in flight and payloads.
//
// Of 256 KiB at most 64 calls are in flight: more are beyond what clients of
// NATS hold for a subscription by default, 64 MiB, and would measure how
// messages are lost.
func awaitSections() []section {
	var list []section
	for _, workers := range []int{1, 4} {
		for _, size := range sizes() {
			for _, inFlight := range []int{1, 64, 256, 1024} {
				if size.bytes >= 256<<10 && inFlight > 64 {
					continue
				}
				list = append(list, section{
					name: fmt.Sprintf("await/%dw/%d/%s", workers, inFlight, size.name),
					// One call at a time does not care how many workers there
					// are, and the larger payloads little.
					extra: workers > 1 && (inFlight == 1 || size.bytes > 100 && inFlight != 64),
					measure: func(ctx context.Context, b *bench, name string) error {
						return b.await(ctx, name, workers, job{Op: "echo", Size: size.bytes, InFlight: inFlight})
					},
				})
			}
		}
	}
	return list
}

// await measures one line of the matrix for all kinds.
func (b *bench) await(ctx context.Context, name string, workers int, j job) error {
	return b.with(ctx, name, workers, awaitKinds(), func(f *fleet) error {
		s, err := b.alternate(ctx, f.contenders(j, f.kinds...))
		if err != nil {
			return err
		}
		b.addCalls("Await", name, f.kinds, s)
		return nil
	})
}

// addCalls puts what was measured of calls into the report, a row for each
// kind.
func (b *bench) addCalls(title, name string, kinds []string, s samples) {
	t := b.report.table(title, "section", "kind", "ops/s", "p50 µs", "p99 µs", "CPU µs", "allocs", "other CPU",
		"ops to hand-own", "ops to hand", "p50 to hand-own", "CPU to hand-own")
	for _, kind := range kinds {
		if len(s[kind]) == 0 {
			continue // not chosen
		}
		row := []string{name, kind}
		for _, m := range []metric{throughput, middle, tail, cpu, mallocs, others} {
			row = append(row, number(s.of(kind, m).Median))
		}
		t.add(append(row,
			s.ratio(kind, kindHandOwn, throughput).cell(), s.ratio(kind, kindHand, throughput).cell(),
			s.ratio(kind, kindHandOwn, middle).cell(), s.ratio(kind, kindHandOwn, cpu).cell(),
		)...)
	}
	for _, kind := range kinds {
		if len(s[kind]) > 0 && (kind == kindTasks || kind == kindRemote) {
			b.progress("    %s to %s: ops %v, p50 %v, CPU %v", kind, kindHandOwn,
				s.ratio(kind, kindHandOwn, throughput), s.ratio(kind, kindHandOwn, middle), s.ratio(kind, kindHandOwn, cpu))
		}
	}
	b.report.samples[name] = s
}
