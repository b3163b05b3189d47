package main

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
)

// fleet are the workers and callers that are there at once, all on the same
// server: of each kind some workers and one caller. Those of a kind that is
// not being measured are idle.
type fleet struct {
	workers int // of each kind
	kinds   []string
	members map[string]*crew
}

// crew are the processes of one kind.
type crew struct {
	caller  *process
	workers []*process
}

// startFleet starts the processes and returns when all are ready.
func startFleet(ctx context.Context, server string, workers int, kinds []string, stderr io.Writer) (*fleet, error) {
	f := &fleet{workers: workers, kinds: kinds, members: make(map[string]*crew)}
	for _, kind := range kinds {
		c := &crew{}
		f.members[kind] = c
		for range workers {
			p, err := launch(ctx, identity{roleWorker, kind, server}, stderr)
			if err != nil {
				return nil, errors.Join(err, f.stop())
			}
			c.workers = append(c.workers, p)
		}
		p, err := launch(ctx, identity{roleCaller, kind, server}, stderr)
		if err != nil {
			return nil, errors.Join(err, f.stop())
		}
		c.caller = p
	}
	return f, nil
}

// is says whether the fleet has this many workers of these kinds.
func (f *fleet) is(workers int, kinds []string) bool {
	return f.workers == workers && slices.Equal(f.kinds, kinds)
}

// stop ends all processes, the callers before what they call.
func (f *fleet) stop() error {
	var callers, workers []*process
	for _, kind := range f.kinds {
		c := f.members[kind]
		if c == nil {
			continue
		}
		if c.caller != nil {
			callers = append(callers, c.caller)
		}
		workers = append(workers, c.workers...)
	}
	return errors.Join(stopAll(callers), stopAll(workers))
}

// profile has every process write its profile of what follows into dir, in
// files that are named after the section, and returns what ends that.
func (f *fleet) profile(ctx context.Context, dir, section string) (end func() error, err error) {
	var profiled []*process
	end = func() error {
		var errs []error
		for _, p := range profiled {
			errs = append(errs, p.ask(ctx, "profiled", struct{}{}, nil))
		}
		return errors.Join(errs...)
	}
	for _, kind := range f.kinds {
		c := f.members[kind]
		for _, p := range slices.Concat([]*process{c.caller}, c.workers[:min(1, len(c.workers))]) {
			path := dir + "/" + strings.ReplaceAll(section, "/", "_") + "." + kind + "." + p.role + ".pprof"
			if err := p.ask(ctx, "profile", path, nil); err != nil {
				return nil, errors.Join(err, end())
			}
			profiled = append(profiled, p)
		}
	}
	return end, nil
}
