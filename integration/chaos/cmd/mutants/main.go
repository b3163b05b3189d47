// Command mutants proves the tests: it breaks one promise of the runtime after
// the other, by a build tag of package internal/mutant, and expects the test
// that is for it to fail. Run it from the root of the module. It ends with an
// error when a mutant survives, does not compile or is not listed, and when a
// test fails without one.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// mutant is one that a test is for.
type mutant struct{ name, promise, pkg, test string }

const chaos = "./integration/chaos"

// mutants lists those of package internal/mutant.
func mutants() []mutant {
	return []mutant{
		{"nosweep", "F1", chaos, "TestDeadlineHoldsWithoutAnybody"},
		{"untrue", "F1", chaos, "TestNoCallStartsTwice"},
		{"nograce", "F2", chaos, "TestNoWorker"},
		{"noaccept", "F3", chaos, "TestKilledWorkerIsNoticed"},
		{"noping", "F3", chaos, "TestKilledWorkerIsNoticed"},
		{"noask", "F3", chaos, "TestWorkerKilledRightAfterTheCall"},
		{"falsedeath", "F3", chaos, "TestSilentCallerBlamesNobody"},
		{"sendtwice", "F4", chaos, "TestNoCallStartsTwice"},
		{"nodetour", "F5", chaos, "TestOneOfFourFrozen"},
		{"nobound", "F6", chaos, "TestOverload"},
		{"nocancel", "F7", chaos, "TestCancelReachesAllLevels"},
		{"norecover", "F8", chaos, "TestOneCallHarmsNoOther"},
		{"holdslot", "F9", chaos, "TestParkedHandlerHoldsNoSlot"},
		{"nodrain", "F10", chaos, "TestRollingRestarts"},
		{"nohold", "F11", chaos, "TestBrokerRestarts"},
		{"leak", "G1", chaos, "TestCloseLeavesNoGoroutine"},
		{"nofence", "A1", chaos, "TestEntitiesOnOneServer"},
		{"replyearly", "A2", chaos, "TestEntitiesOnOneServer"},
		{"noorder", "A5", "./actor", "TestAsksKeepTheirOrder"},
		{"noproof", "A2", "./actor", "TestZombieAnswersNothing"},
		{"replyanywhere", "security", "./integration", "TestDeputy"},
	}
}

func main() {
	only := flag.String("only", "", "the one mutant to run")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Stdout, *only); err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(1)
	}
}

// run tests all mutants, or one, and prints a row for each.
func run(ctx context.Context, out io.Writer, only string) error {
	if err := checkList(); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "atasks-mutants-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a directory for temporary files
	all := mutants()
	if only != "" {
		all = slices.DeleteFunc(all, func(m mutant) bool { return m.name != only })
	}
	if len(all) == 0 {
		return fmt.Errorf("there is no mutant %q", only)
	}
	// What fails without a mutant proves nothing with one.
	sound := make(map[string]error)
	var failures []error
	row := func(m mutant, verdict string) {
		_, _ = fmt.Fprintf(out, "%-14s %-9s %-36s %s\n", m.name, m.promise, m.test, verdict)
	}
	row(mutant{name: "mutant", promise: "promise", test: "test"}, "")
	for _, m := range all {
		key := m.pkg + " " + m.test
		if _, known := sound[key]; !known {
			_, caught, err := try(ctx, dir, m, "")
			if err == nil && caught != "" {
				err = fmt.Errorf("%s fails without a mutant:\n%s", m.test, caught)
			}
			sound[key] = err
		}
		if err := sound[key]; err != nil {
			failures = append(failures, err)
			row(m, "the test fails without it")
			continue
		}
		took, caught, err := try(ctx, dir, m, "mut_"+m.name)
		verdict := fmt.Sprintf("caught in %.1f s", took.Seconds())
		switch {
		case err != nil:
			verdict = "does not compile"
		case caught == "":
			verdict = "SURVIVES"
			err = fmt.Errorf("%s: %s passes", m.name, m.test)
		}
		failures = append(failures, err)
		row(m, verdict)
	}
	return errors.Join(failures...)
}

// try builds the tests of a mutant's package with a tag, and runs the one that
// is for it. It returns what that printed when it failed, "" when it passed.
func try(ctx context.Context, dir string, m mutant, tag string) (took time.Duration, caught string, err error) {
	binary := filepath.Join(dir, "mutant.test")
	build := exec.CommandContext(ctx, "go", "test", "-c", "-tags", tag, "-o", binary, m.pkg)
	if out, err := build.CombinedOutput(); err != nil {
		return 0, "", fmt.Errorf("%s: %w\n%s", build, err, out)
	}
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	test := exec.CommandContext(ctx, binary, "-test.run", "^"+m.test+"$", "-test.v", "-test.timeout", "2m")
	test.Dir = m.pkg
	var output bytes.Buffer
	test.Stdout, test.Stderr = &output, &output
	begun := time.Now()
	err = test.Run()
	took = time.Since(begun)
	if ctx.Err() != nil {
		return took, "", context.Cause(ctx)
	}
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		return took, output.String(), nil
	}
	if err == nil && !bytes.Contains(output.Bytes(), []byte("--- PASS: "+m.test)) {
		err = fmt.Errorf("%s has no test %s", m.pkg, m.test)
	}
	return took, "", err
}

// checkList compares the list with the files of package internal/mutant.
func checkList() error {
	files, err := filepath.Glob("internal/mutant/*.go")
	if err != nil {
		return err
	}
	if len(files) == 0 {
		return errors.New("there is no internal/mutant here: run it from the root of the module")
	}
	listed := make(map[string]string)
	for _, m := range mutants() {
		listed[m.name] = m.test
	}
	var missing []string
	for _, f := range files {
		name := strings.TrimSuffix(filepath.Base(f), ".go")
		if name != "mutant" && name != "none" && listed[name] == "" {
			missing = append(missing, name)
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("no test is listed for %s", strings.Join(missing, ", "))
	}
	return nil
}
