package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/atasks-io/atasks/internal/rabbittest"
)

// bench is a run of the program.
type bench struct {
	options
	stderr io.Writer
	server *process         // one for the whole run
	rabbit *rabbittest.Node // nil until a section needs one, as the fleet
	fleet  *fleet
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

// dismiss ends the fleet, and RabbitMQ, which is not idle when nobody uses it.
// What has been measured does not depend on how well that goes, so what goes
// wrong is only said.
func (b *bench) dismiss() {
	if b.fleet != nil {
		if err := b.fleet.stop(); err != nil {
			b.progress("    %v", err)
		}
		b.fleet = nil
	}
	if b.rabbit != nil {
		b.rabbit.Stop()
		b.rabbit = nil
	}
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

// with is withOn for the server of NATS.
func (b *bench) with(ctx context.Context, section string, workers int, kinds []string, fn func(*fleet) error) error {
	return b.withOn(ctx, b.server.says, section, workers, kinds, fn)
}

// withOn calls fn with a fleet of this many workers of these kinds on a server,
// whose profiles are taken if so asked. The fleet stays for the sections that
// follow; a kind is on one server only.
func (b *bench) withOn(ctx context.Context, server, section string, workers int, kinds []string, fn func(*fleet) error) (err error) {
	if b.fleet != nil && !b.fleet.is(workers, kinds) {
		b.dismiss()
	}
	if b.fleet == nil {
		if b.fleet, err = startFleet(ctx, server, workers, kinds, b.stderr); err != nil {
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
