package chaos

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// scale is how much a scenario does. The short one is for "make test", the long
// one for "make chaos".
type scale struct {
	restarts int           // of workers, one after the other
	clients  int           // that lose their broker at once
	overload time.Duration // ten times the load
	spinning time.Duration // beside goroutines that take the processor
	frozen   time.Duration // one worker of four
	outages  int           // of the broker
	rounds   int           // of kills right after a call
}

var short = scale{
	restarts: 8, clients: 200, overload: 5 * time.Second, spinning: 8 * time.Second,
	frozen: 8 * time.Second, outages: 2, rounds: 6,
}

// scaleOf is the scale of a campaign: that of the promises where it lasts ten
// minutes, in proportion where it is shorter or longer.
func scaleOf(campaign time.Duration) scale {
	part := campaign.Minutes() / 10
	times := func(n int) int { return int(float64(n) * part) }
	last := func(d time.Duration) time.Duration { return time.Duration(float64(d) * part) }
	return scale{
		restarts: max(short.restarts, times(100)),
		clients:  min(1000, max(short.clients, times(1000))),
		overload: max(short.overload, last(time.Minute)),
		spinning: max(short.spinning, last(time.Minute)),
		frozen:   min(time.Minute, max(short.frozen, last(20*time.Second))),
		outages:  max(short.outages, times(6)),
		rounds:   max(short.rounds, times(12)),
	}
}

// tally adds up the runs of a campaign, for its table. A nil one adds nothing.
type tally struct {
	mu        sync.Mutex // guards what follows
	outcomes  map[string]int
	faults    map[string]int
	detection map[string]*detection
	overdue   figures // calls that their deadline ended
	figures   []string
}

func newTally() *tally {
	return &tally{outcomes: make(map[string]int), faults: make(map[string]int), detection: make(map[string]*detection)}
}

// add takes the history of a run that is over.
func (s *tally) add(h *history) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for outcome, n := range h.outcomes() {
		s.outcomes[outcome] += n
	}
	for _, c := range h.made() {
		if c.outcome == "deadline" {
			s.overdue = append(s.overdue, h.overdue(c))
		}
	}
	for i := range h.faults {
		f := &h.faults[i]
		s.faults[f.kind]++
		if f.target == everyone || !h.alone(f) {
			continue
		}
		d := h.detect(f, false)
		sum := s.detection[f.kind]
		if sum == nil {
			sum = &detection{}
			s.detection[f.kind] = sum
		}
		sum.accepted = append(sum.accepted, d.accepted...)
		sum.early = append(sum.early, d.early...)
	}
}

// note logs a figure of a scenario and keeps it for the table.
func (s *tally) note(t *testing.T, format string, args ...any) {
	t.Helper()
	line := fmt.Sprintf(format, args...)
	t.Log(line)
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.figures = append(s.figures, line)
}

// String is the table.
func (s *tally) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var b strings.Builder
	row := func(name string, format string, args ...any) {
		fmt.Fprintf(&b, "  %-24s %s\n", name, fmt.Sprintf(format, args...))
	}
	total := 0
	for _, n := range s.outcomes {
		total += n
	}
	fmt.Fprintf(&b, "calls: %d\n", total)
	for _, name := range byCount(s.outcomes) {
		row(name, "%d", s.outcomes[name])
	}
	fmt.Fprintln(&b, "faults:")
	for _, name := range byCount(s.faults) {
		row(name, "%d", s.faults[name])
	}
	fmt.Fprintf(&b, "ended after their deadline: %v\n", s.overdue)
	fmt.Fprintln(&b, "noticed after, where nothing else was wrong:")
	for _, name := range slices.Sorted(maps.Keys(s.detection)) {
		if d := s.detection[name]; len(d.accepted)+len(d.early) > 0 {
			row(name+", accepted", "%v", d.accepted)
			row(name+", just sent", "%v", d.early)
		}
	}
	for _, line := range s.figures {
		fmt.Fprintln(&b, line)
	}
	return b.String()
}

// byCount lists the keys, those of the largest counts first.
func byCount(m map[string]int) []string {
	return slices.SortedFunc(maps.Keys(m), func(a, b string) int {
		return cmp.Or(cmp.Compare(m[b], m[a]), cmp.Compare(a, b))
	})
}
