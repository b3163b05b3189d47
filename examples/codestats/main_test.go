package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// programVariable makes the test binary the program. The workers that it
// starts are the test binary, too, and find serverVariable.
const programVariable = "CODESTATS_TEST_PROGRAM"

// batchTime is the least time that a batch takes a worker of the tests: a small
// tree keeps it busy for long enough to be killed, on a fast machine, too.
const batchTime = 150 * time.Millisecond

func TestMain(m *testing.M) {
	if os.Getenv(programVariable) == "" && os.Getenv(serverVariable) == "" {
		m.Run()
		return
	}
	slow := func(ctx context.Context, b Batch) (Part, error) {
		select {
		case <-time.After(batchTime):
		case <-ctx.Done():
		}
		return countBatch(ctx, b)
	}
	if err := start(CountTree.With(countTree), CountBatch.With(slow)); err != nil {
		fmt.Fprintln(os.Stderr, "codestats:", err)
		os.Exit(1)
	}
}

// runHere runs the program in this process, with its workers in others.
func runHere(t *testing.T, stdout io.Writer, args ...string) (stderr string, err error) {
	t.Helper()
	var b bytes.Buffer
	s := newScreen(&b, false)
	err = run(t.Context(), args, stdout, s)
	s.close()
	return b.String(), err
}

func TestRun(t *testing.T) {
	t.Parallel()
	root := trickyTree(t)
	var out bytes.Buffer
	stderr, err := runHere(t, &out, "-check", "-all", root)
	if err != nil || stderr != "" {
		t.Fatalf("run(-check -all %s) = %v and %q, want nil and nothing", root, err, stderr)
	}
	for _, want := range []string{
		`"not_utf8_\xff"`,
		"With fewer than 50 calls a worker the spread is not judged\n",
		"bytes of report, of all 9 packages, are the same\n",
		"find and wc agree: 13 files, 48 lines, ",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("run(-check -all) prints\n%s\nwant %q in it", out.String(), want)
		}
	}
}

func TestRunOfNothing(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if _, err := runHere(t, &out, "-check", "-workers", "1", t.TempDir()); err != nil {
		t.Errorf("run of an empty directory = %v, want nil", err)
	}
	if !strings.Contains(out.String(), "files       0\n") {
		t.Errorf("run of an empty directory prints\n%s\nwant 0 files", out.String())
	}
	var e error
	_, e = runHere(t, io.Discard, "-kill", t.TempDir())
	if e == nil || !strings.Contains(e.Error(), "no worker was killed") {
		t.Errorf("run(-kill) of an empty directory = %v, want to hear that no worker was killed", e)
	}
}

func TestRunFails(t *testing.T) {
	t.Parallel()
	root := trickyTree(t)
	var out bytes.Buffer
	if _, err := runHere(t, &out, "-h"); err != nil || out.String() != usage {
		t.Errorf("run(-h) = %v and %q, want the usage", err, out.String())
	}
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"-nonsense"}, "-h lists what there is"},
		{[]string{"a", "b"}, "2 directories given"},
		{[]string{"-workers", "0"}, "-workers 0: want 1 to 64"},
		{[]string{"-workers", "65"}, "-workers 65: want 1 to 64"},
		{[]string{"-workers", "x"}, `invalid value "x"`},
		{[]string{"-kill", "-workers", "1"}, "want at least 2"},
		{[]string{filepath.Join(root, "nowhere")}, "no such file or directory"},
		{[]string{filepath.Join(root, "a.go")}, "is not a directory"},
	} {
		out.Reset()
		if _, err := runHere(t, &out, tt.args...); err == nil || !strings.Contains(err.Error(), tt.want) || out.Len() > 0 {
			t.Errorf("run(%q) = %v and %q, want an error with %q and no output", tt.args, err, out.String(), tt.want)
		}
	}
	if _, err := runHere(t, brokenPipe{}, root); !errors.Is(err, os.ErrClosed) {
		t.Errorf("run on a closed output = %v, want os.ErrClosed", err)
	}
}

func TestRunUnderAnEndedContext(t *testing.T) {
	t.Parallel()
	cause := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	s := newScreen(io.Discard, false)
	defer s.close()
	if err := run(ctx, []string{trickyTree(t)}, io.Discard, s); !errors.Is(err, cause) {
		t.Errorf("run under an ended context = %v, want its cause", err)
	}
}

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, os.ErrClosed }
