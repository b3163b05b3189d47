package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// bench is a run of the program.
type bench struct {
	options
	stderr io.Writer
	server *process // one for the whole run
	fleet  *fleet   // nil until a section needs one
	report *report
}

// newBench starts the server.
func newBench(ctx context.Context, o options, stderr io.Writer) (*bench, error) {
	if o.profiles != "" {
		if err := os.MkdirAll(o.profiles, 0o777); err != nil {
			return nil, err
		}
	}
	server, err := launch(ctx, identity{role: roleServer}, stderr)
	if err != nil {
		return nil, err
	}
	return &bench{options: o, stderr: stderr, server: server, report: newReport()}, nil
}

// close ends all processes.
func (b *bench) close() error {
	b.dismiss()
	return b.server.stop()
}

// dismiss ends the fleet. What has been measured does not depend on how well
// that goes, so what goes wrong is only said.
func (b *bench) dismiss() {
	if b.fleet == nil {
		return
	}
	if err := b.fleet.stop(); err != nil {
		b.progress("    %v", err)
	}
	b.fleet = nil
}

// measure measures the sections, one after the other.
func (b *bench) measure(ctx context.Context, list []section) error {
	begun := time.Now()
	for i, s := range list {
		b.progress("[%d/%d, %v] %s", i+1, len(list), time.Since(begun).Round(time.Second), s.name)
		if err := s.measure(ctx, b, s.name); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	b.progress("done in %v", time.Since(begun).Round(time.Second))
	return nil
}

// progress says to whoever waits how far it is.
func (b *bench) progress(format string, args ...any) {
	_, _ = fmt.Fprintf(b.stderr, format+"\n", args...) // there is nobody else to tell
}

// with calls fn with a fleet of this many workers of these kinds, whose
// profiles are taken if so asked. The fleet stays for the sections that follow.
func (b *bench) with(ctx context.Context, section string, workers int, kinds []string, fn func(*fleet) error) (err error) {
	if b.fleet != nil && !b.fleet.is(workers, kinds) {
		b.dismiss()
	}
	if b.fleet == nil {
		if b.fleet, err = startFleet(ctx, b.server.says, workers, kinds, b.stderr); err != nil {
			b.fleet = nil
			return err
		}
	}
	if b.profiles != "" {
		end, failed := b.fleet.profile(ctx, b.profiles, section)
		if failed != nil {
			return failed
		}
		defer func() { err = errors.Join(err, end()) }()
	}
	return fn(b.fleet)
}
