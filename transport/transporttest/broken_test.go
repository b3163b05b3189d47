package transporttest

import (
	"context"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// brokenVariable names the broken transport that a child process runs the
// suite on.
const brokenVariable = "TRANSPORTTEST_BROKEN"

// TestSuiteCatches breaks a transport in one way after the other and expects
// the case that is there for it to fail. Each runs in a child process, since a
// suite that fails would fail this test as well.
func TestSuiteCatches(t *testing.T) {
	t.Parallel()
	if name := os.Getenv(brokenVariable); name != "" {
		for _, m := range mutants() {
			if m.name == name {
				Run(t, openMutant(m))
				RunStore(t, openMutant(m))
				RunScheduler(t, openMutant(m))
				return
			}
		}
		t.Fatalf("%s=%q names none of the mutants", brokenVariable, name)
	}
	type result struct {
		out string
		err error
	}
	results := make([]result, len(mutants()))
	// More at a time than there are processors, since most of them wait.
	tokens := make(chan struct{}, 8)
	var wg sync.WaitGroup
	for i, m := range mutants() {
		wg.Go(func() {
			tokens <- struct{}{}
			results[i].out, results[i].err = runOn(t, m)
			<-tokens
		})
	}
	wg.Wait()
	for i, m := range mutants() {
		r := results[i]
		want := "--- FAIL: TestSuiteCatches/" + strings.ReplaceAll(m.caught, " ", "_")
		switch {
		case m.caught == "" && r.err != nil:
			t.Errorf("the suite on a transport that keeps its promises: %v\n%s", r.err, r.out)
		case m.caught != "" && (r.err == nil || !strings.Contains(r.out, want)):
			t.Errorf("the suite on a transport that %s: error %v, want %q\n%s", m.name, r.err, want, r.out)
		}
	}
}

// runOn runs the topic that is to catch m, or all, in a child process.
func runOn(t *testing.T, m mutant) (out string, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	topic, _, _ := strings.Cut(m.caught, "/")
	pattern := "^TestSuiteCatches$"
	if topic != "" {
		pattern += "/^" + topic + "$"
	}
	cmd := exec.CommandContext(ctx, os.Args[0], "-test.run="+pattern, "-test.timeout=50s")
	// The race detector would wait a second at the end of each process.
	cmd.Env = append(os.Environ(), brokenVariable+"="+m.name, "GORACE=atexit_sleep_ms=0")
	b, err := cmd.CombinedOutput()
	return string(b), err
}

// Whatever a topic's cases do, the topic itself must be reached.
func TestSuiteHasCases(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, tp := range slices.Concat(topics(), storeTopics(), schedulerTopics()) {
		if len(tp.cases) == 0 {
			t.Errorf("topic %q has no cases", tp.name)
		}
		for _, c := range tp.cases {
			if name := tp.name + "/" + c.name; c.run == nil || seen[name] {
				t.Errorf("case %q does nothing or is there twice", name)
			} else {
				seen[name] = true
			}
		}
	}
	for _, m := range mutants() {
		if m.caught != "" && !seen[m.caught] {
			t.Errorf("mutant %q is to be caught by %q, which is no case", m.name, m.caught)
		}
	}
}
