package chaos

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"
)

// What a line of a journal says. Handlers write start and one of end, failed
// and cancelled, callers begin and outcome, and every process its stalls.
const (
	didStart     = "start"     // call attempt task
	didEnd       = "end"       // call attempt value
	didFail      = "failed"    // call attempt
	didCancelled = "cancelled" // call attempt
	didBegin     = "begin"     // call 0 task node: the number of the caller's node
	didCancel    = "cancel"    // call: the caller cancelled it
	didOutcome   = "outcome"   // call 0 outcome executed value begun deadline
	didSettle    = "settled"   // the caller has waited for all its calls, or given up on them
	didStall     = "stall"     // this process did not run from then until now
	didFault     = "fault"     // this process hurt another: kind target
	didMend      = "mend"      // and ended it
	didGauge     = "gauge"     // goroutines of this process
)

// entry is a line of a journal.
type entry struct {
	What    string
	Call    uint64
	Attempt int
	At      int64 // nanoseconds, the same clock in all processes of a machine
	Rest    []string
}

// journal is the file that a process records in. A line is one write to a file
// opened for appending, so a process that is killed leaves whole lines only.
type journal struct {
	file *os.File
	base time.Time
}

const journalSuffix = ".journal"

func openJournal(dir, name string) (*journal, error) {
	f, err := os.OpenFile(filepath.Join(dir, name+journalSuffix), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	return &journal{file: f, base: time.Now()}, err
}

// stamp is an instant as journals show it. It steps with the monotonic clock,
// so that a correction of the time of day during a run moves nothing.
func (j *journal) stamp(t time.Time) int64 {
	return j.base.UnixNano() + int64(t.Sub(j.base))
}

func (j *journal) add(what string, call uint64, attempt int, rest ...any) {
	j.addAt(time.Now(), what, call, attempt, rest...)
}

func (j *journal) addAt(at time.Time, what string, call uint64, attempt int, rest ...any) {
	line := make([]byte, 0, 96)
	line = fmt.Appendf(line, "%s %d %d %d", what, call, attempt, j.stamp(at))
	for _, v := range rest {
		line = fmt.Appendf(line, " %v", v)
	}
	if _, err := j.file.Write(append(line, '\n')); err != nil {
		fmt.Fprintln(os.Stderr, "journal:", err) // and the missing line fails the check
	}
}

// watch records when this process, or a thread of it, could not run for a while:
// what it does late then is the machine's doing. Now and then it records how
// many goroutines there are. It returns what ends it.
func (j *journal) watch() (stop func()) {
	const step, worth, gauge = 5 * time.Millisecond, 5 * time.Millisecond, 200 * time.Millisecond
	done := make(chan struct{})
	var watching sync.WaitGroup
	watching.Go(func() {
		waiting := newThreads("self")
		defer waiting.close()
		tick := time.NewTicker(step)
		defer tick.Stop()
		last, gauged := time.Now(), time.Now()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
			}
			runtime.Gosched() // behind whoever wants to run: a ticker goes before them
			now := time.Now()
			waitedUntil := now
			if now.Sub(last) > step+worth {
				j.addAt(now, didStall, 0, 0, j.stamp(last))
				waitedUntil = last // or later: a thread may have waited before all stood still
			}
			for _, d := range waiting.waits(now) {
				if d > worth {
					j.addAt(now, didStall, 0, 0, j.stamp(waitedUntil.Add(-d)))
				}
			}
			last = now
			if now.Sub(gauged) > gauge {
				j.addAt(now, didGauge, 0, 0, runtime.NumGoroutine())
				gauged = now
			}
		}
	})
	return func() { close(done); watching.Wait() }
}

// watchOther records when a thread of another process could not run for a
// while, if that keeps no journal itself. It returns what ends it.
func (j *journal) watchOther(pid int) (stop func()) {
	const step, worth = 5 * time.Millisecond, 5 * time.Millisecond
	done := make(chan struct{})
	var watching sync.WaitGroup
	watching.Go(func() {
		waiting := newThreads(strconv.Itoa(pid))
		defer waiting.close()
		tick := time.NewTicker(step)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case now := <-tick.C:
				for _, d := range waiting.waits(now) {
					if d > worth {
						j.addAt(now, didStall, 0, 0, j.stamp(now.Add(-d)))
					}
				}
			}
		}
	})
	return sync.OnceFunc(func() { close(done); watching.Wait() })
}

// readJournal returns the entries of a journal, a last line without its end
// left out: it is being written.
func readJournal(path string) ([]entry, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var all []entry
	for line := range strings.Lines(string(text)) {
		if !strings.HasSuffix(line, "\n") {
			break
		}
		e, err := parseEntry(strings.Fields(line))
		if err != nil {
			return nil, fmt.Errorf("%s: line %q: %w", path, line, err)
		}
		all = append(all, e)
	}
	return all, nil
}

func parseEntry(fields []string) (e entry, err error) {
	if len(fields) < 4 {
		return e, fmt.Errorf("%d fields, want 4 or more", len(fields))
	}
	e.What, e.Rest = fields[0], fields[4:]
	if e.Call, err = strconv.ParseUint(fields[1], 10, 64); err != nil {
		return e, err
	}
	if e.Attempt, err = strconv.Atoi(fields[2]); err != nil {
		return e, err
	}
	e.At, err = strconv.ParseInt(fields[3], 10, 64)
	return e, err
}

// number is a field of Rest.
func (e *entry) number(i int) int64 {
	n, _ := strconv.ParseInt(e.Rest[i], 10, 64) // written by addAt from a number
	return n
}
