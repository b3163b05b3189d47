package main

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// fewCalls is how many calls a worker gets on average before their spread is
// judged: with fewer, chance decides.
const fewCalls = 50

// writeSpread shows how the calls of a run were spread over its workers.
func (o outcome) writeSpread(w io.Writer) error {
	sum := o.part.work()
	t := newTable(">>>>>>>>")
	t.row("worker", "pid", "calls", "share", "directories", "batches", "files", "again")
	for _, p := range o.workers {
		own := o.part.Work[p.node]
		t.row(strconv.Itoa(p.number), strconv.Itoa(p.pid()), group(own.calls()), share(own.calls(), sum.calls()),
			group(own.Directories), group(own.Batches), group(own.Files), group(own.Again))
	}
	t.row("all", "", group(sum.calls()), "", group(sum.Directories), group(sum.Batches), group(sum.Files), group(sum.Again))
	var b strings.Builder
	b.WriteString("\nCalls by the worker whose result is in the report\n\n")
	t.writeTo(&b)
	if sum.calls() < fewCalls*len(o.workers) {
		fmt.Fprintf(&b, "\nWith fewer than %d calls a worker the spread is not judged\n", fewCalls)
	}
	if o.fault.victim != nil {
		fmt.Fprintf(&b, "\n%v; %s calls ran again elsewhere\n", o.fault, group(sum.Again))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// checkSpread fails when a worker that was not killed did less than a tenth of
// the calls, or less than half of an equal share where that is less.
func (o outcome) checkSpread() error {
	sum, n := o.part.work().calls(), len(o.workers)
	if sum < fewCalls*n {
		return nil
	}
	var errs []error
	for _, p := range o.workers {
		own := o.part.Work[p.node].calls()
		if p != o.fault.victim && own*max(10, 2*n) < sum {
			errs = append(errs, fmt.Errorf("worker %d (pid %d) did %s of %s calls, less than one in %d", p.number, p.pid(), group(own), group(sum), max(10, 2*n)))
		}
	}
	return errors.Join(errs...)
}

// speed is how long something took.
type speed struct {
	who    string
	took   time.Duration
	counts Counts
}

// seconds is never 0, so that one can divide by it.
func (s speed) seconds() float64 { return max(s.took, time.Microsecond).Seconds() }

// writeSpeeds compares runs over the same files; the ratio is that of the time
// to the time of the first.
func writeSpeeds(w io.Writer, runs ...speed) error {
	t := newTable("<>>>>>")
	t.row("", "seconds", "ratio", "files/s", "lines/s", "MB/s")
	for _, r := range runs {
		s := r.seconds()
		t.row(r.who, fmt.Sprintf("%.3f", s), fmt.Sprintf("%.2f", s/runs[0].seconds()),
			group(int(float64(r.counts.Files)/s)), group(int(float64(r.counts.Lines)/s)), fmt.Sprintf("%.1f", float64(r.counts.Bytes)/1e6/s))
	}
	var b strings.Builder
	b.WriteString("\nSpeed\n\n")
	t.writeTo(&b)
	_, err := io.WriteString(w, b.String())
	return err
}
