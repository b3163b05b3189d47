// Command twins keeps a twin of each weather station: an entity that takes the
// station's readings, knows the figures of its day and of its last hour, and
// warns of storms.
//
//	twins [-hosts n]
//
// The program starts a server within itself, and itself again as hosts of the
// twins, and feeds them a day of readings that it carries with it, many at a
// time. Half way it kills a host. Readings whose fate nobody knows are sent again,
// and each counts once: in the end every twin is compared with what its readings
// come to when they are added up in one place.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/atasks-io/atasks/actor"
	"github.com/atasks-io/atasks/atask"
	"github.com/atasks-io/atasks/examples/internal/hosts"
)

func main() {
	if err := start(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "twins:", err)
		os.Exit(1)
	}
}

// start is the program, or one of its hosts.
func start(args []string) error {
	if hosts.IsHost() {
		return hosts.Serve(stations())
	}
	flags := flag.NewFlagSet("twins", flag.ContinueOnError)
	n := flags.Int("hosts", 3, "how many `hosts` keep the twins")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return nil
	case err != nil:
		return err
	case *n < 2 || flags.NArg() > 0:
		return errors.New("want two hosts at least, of which one dies, and no arguments")
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	readings, err := parseReadings(readingsFile)
	if err != nil {
		return err
	}
	return run(ctx, readings, *n, os.Stdout)
}

// run feeds the readings to twins on n hosts, of which one dies, and says what
// they know in the end.
func run(ctx context.Context, readings []named, n int, out io.Writer) (err error) {
	srv, address, err := hosts.StartServer()
	if err != nil {
		return err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		err = errors.Join(err, srv.Shutdown(ctx))
	}()
	conn, err := srv.Connect()
	if err != nil {
		return err
	}
	node, err := actor.Start(ctx, conn, actor.Config{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, node.Close()) }()
	w := &warnings{}
	if err := node.Serve(Warn.With(w.take)); err != nil {
		return err
	}
	fleet := make([]*hosts.Host, n)
	for i := range fleet {
		if fleet[i], err = hosts.Start(ctx, address); err != nil {
			return err
		}
		defer fleet[i].Stop()
	}
	began := time.Now()
	twice, err := feed(node.Context(ctx), readings, func() error { return fleet[0].Kill() })
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(out, "%d readings in %v on %d hosts; host %s was killed half way; %d readings came a second time and were recognized\n\n",
		len(readings), time.Since(began).Round(time.Millisecond), n, fleet[0].Node, twice); err != nil {
		return err
	}
	return report(node.Context(ctx), readings, w, out)
}

// window is how many readings are under way at once.
const window = 60

// feed sends all readings in their order, without waiting for each answer: a
// node's messages to one entity keep their order. Half way it has a host die. It
// returns how many readings had been taken when they came.
func feed(ctx context.Context, readings []named, die func() error) (twice int, err error) {
	died := make(chan error, 1)
	for part := range slices.Chunk(readings, window) {
		if part[0] == readings[len(readings)/2/window*window] {
			go func() { died <- die() }()
		}
		for left := part; len(left) > 0; {
			futures := make([]*atask.Future[bool], len(left))
			for i, r := range left {
				futures[i] = Observe.Start(ctx, r.Station, r.Reading)
			}
			var failed []named
			for i, r := range atask.Settle(ctx, futures...) {
				switch {
				case r.Err == nil && !r.Value:
					twice++
				case r.Err == nil:
				case ctx.Err() != nil:
					return twice, ctx.Err()
				case errors.Is(r.Err, atask.ErrBadInput), errors.Is(r.Err, atask.ErrPanicked):
					return twice, r.Err
				default: // lost more often than the runtime tries, or behind one that was
					failed = append(failed, left[i])
				}
			}
			left = failed
		}
	}
	return twice, <-died
}

// report compares the twins with the readings and shows them.
func report(ctx context.Context, readings []named, w *warnings, out io.Writer) error {
	want := make(map[string]*Twin)
	var names []string
	for _, r := range readings {
		t := want[r.Station]
		if t == nil {
			t = new(Twin)
			want[r.Station] = t
			names = append(names, r.Station)
		}
		t.Last = r.Number
		t.Day.add(r.Temperature)
		t.Gusts.add(r.Wind)
	}
	slices.Sort(names)
	// It keeps an error until Flush.
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprintln(table, "station\treadings\tmin °C\tmean\tmax\twind m/s\tmax\tstorms\t")
	var wrong []error
	for _, name := range names {
		got, err := Look.Ask(ctx, name, atask.None{})
		if err != nil {
			return err
		}
		if exp := want[name]; got.Last != exp.Last || got.Day != exp.Day || got.Gusts != exp.Gusts {
			wrong = append(wrong, fmt.Errorf("the twin of %s knows %d readings, %+v, %+v; they come to %d, %+v, %+v",
				name, got.Last, got.Day, got.Gusts, exp.Last, exp.Day, exp.Gusts))
		}
		if began := w.storms(name); began != got.Storms {
			wrong = append(wrong, fmt.Errorf("%s had %d storms, people were warned of %d", name, got.Storms, began))
		}
		_, _ = fmt.Fprintf(table, "%s\t%d\t%.1f\t%.1f\t%.1f\t%.1f\t%.1f\t%d\t\n",
			name, got.Last, got.Day.Min, got.Day.Mean(), got.Day.Max, got.Gusts.Mean(), got.Gusts.Max, got.Storms)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	if len(wrong) > 0 {
		return errors.Join(wrong...)
	}
	_, err := fmt.Fprintln(out, "\nevery twin knows what its readings come to when they are added up in one place")
	return err
}

// warnings are those that people have got. One may come again, when the host
// that sent it died.
type warnings struct {
	mu  sync.Mutex
	all map[Warning]struct{}
}

func (w *warnings) take(_ context.Context, one Warning) (atask.None, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.all == nil {
		w.all = make(map[Warning]struct{})
	}
	w.all[one] = struct{}{}
	return atask.None{}, nil
}

// storms is how many storms people were warned of.
func (w *warnings) storms(station string) (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for one := range w.all {
		if one.Station == station && one.Storm {
			n++
		}
	}
	return n
}
