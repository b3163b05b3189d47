package cli_test

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/atasks-io/atasks/cmd/atasks/internal/cli"
	"github.com/atasks-io/atasks/embedded"
	"github.com/atasks-io/atasks/internal/rabbittest"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"atasks": func() { os.Exit(cli.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr, os.Getenv)) },
		"worker": func() { os.Exit(worker()) },
		"watch":  func() { os.Exit(watch()) },
	})
}

// patience bounds whatever a script waits for.
const patience = 30 * time.Second

// TestScripts runs each script in testdata against a server of its own with two
// worker processes.
func TestScripts(t *testing.T) {
	t.Parallel()
	p := params(setUp)
	p.Dir = filepath.Join("testdata", "script")
	testscript.Run(t, p)
}

// TestScriptsOnRabbit runs scripts against RabbitMQ, each in a namespace of its
// own: some of those in testdata/script, and what there is on RabbitMQ only.
func TestScriptsOnRabbit(t *testing.T) {
	t.Parallel()
	broker := new(rabbittest.Shared)
	t.Cleanup(broker.Stop)
	url := broker.URL(t)
	p := params(func(e *testscript.Env) error {
		host := url[strings.LastIndex(url, "@")+1:]
		e.Vars = append(e.Vars, "ATASKS_SERVER="+url, "TEST_ADDRESS="+host, "ATASKS_NAMESPACE="+strings.ToLower(rand.Text()))
		return startWorkers(e)
	})
	p.Files = []string{
		filepath.Join("testdata", "script", "inspect.txtar"),
		filepath.Join("testdata", "rabbit", "rabbit.txtar"),
	}
	testscript.Run(t, p)
}

func params(setUp func(*testscript.Env) error) testscript.Params {
	return testscript.Params{
		RequireExplicitExec: true,
		Setup:               setUp,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"code":       code,
			"eventually": eventually,
			"begin":      begin,
			"end":        end,
		},
	}
}

// processesKey is where a script's background processes are kept.
type processesKey struct{}

// processes are what a script runs in the background, by name.
type processes map[string]*process

type process struct {
	cmd   *exec.Cmd
	lines chan string
	out   strings.Builder // what was read of them
}

func setUp(e *testscript.Env) error {
	srv, err := embedded.Start(embedded.Config{Listen: "127.0.0.1:0"})
	if err != nil {
		return err
	}
	e.Defer(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		_ = srv.Shutdown(ctx)
	})
	e.Vars = append(e.Vars, "ATASKS_SERVER="+srv.URL(), "TEST_ADDRESS="+strings.TrimPrefix(srv.URL(), "nats://"))
	return startWorkers(e)
}

// startWorkers starts two workers, of which W1 and W2 tell the nodes.
func startWorkers(e *testscript.Env) error {
	running := processes{}
	e.Values[processesKey{}] = running
	e.Vars = append(e.Vars, "HOME="+e.WorkDir, "XDG_CONFIG_HOME="+filepath.Join(e.WorkDir, "config"))
	e.Defer(func() {
		for _, p := range running {
			_ = p.cmd.Process.Kill()
			_ = p.cmd.Wait()
		}
	})
	for _, name := range []string{"W1", "W2"} {
		p, err := start(e.Vars, e.WorkDir, "worker")
		if err != nil {
			return err
		}
		running[name] = p
		id, err := p.until(regexp.MustCompile(`^ready (\S+)$`))
		if err != nil {
			return err
		}
		e.Vars = append(e.Vars, name+"="+id)
	}
	return nil
}

// start starts this program as another one.
func start(env []string, dir, name string, args ...string) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p := &process{cmd: exec.CommandContext(context.Background(), self), lines: make(chan string, 100)}
	p.cmd.Args = append([]string{name}, args...)
	p.cmd.Env, p.cmd.Dir = env, dir
	out, in, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	p.cmd.Stdout, p.cmd.Stderr = in, in
	err = p.cmd.Start()
	in.Close()
	if err != nil {
		return nil, errors.Join(err, out.Close())
	}
	go func() {
		defer out.Close()
		defer close(p.lines)
		for s := bufio.NewScanner(out); s.Scan(); {
			p.lines <- s.Text()
		}
	}()
	return p, nil
}

// until reads what the process says up to a line that matches, and returns the
// first group.
func (p *process) until(re *regexp.Regexp) (string, error) {
	late := time.NewTimer(patience)
	defer late.Stop()
	for {
		select {
		case line, open := <-p.lines:
			if !open {
				return "", errors.New("the process ended: " + p.out.String())
			}
			p.out.WriteString(line + "\n")
			if m := re.FindStringSubmatch(line); m != nil {
				return m[len(m)-1], nil
			}
		case <-late.C:
			return "", errors.New("no line matches " + re.String() + ": " + p.out.String())
		}
	}
}

// environment is that of a script, as far as its programs need it.
func environment(ts *testscript.TestScript) []string {
	var env []string
	for _, k := range []string{"PATH", "HOME", "TMPDIR", "XDG_CONFIG_HOME", "ATASKS_SERVER", "ATASKS_NAMESPACE", "GOCOVERDIR", "TERM"} {
		env = append(env, k+"="+ts.Getenv(k))
	}
	return env
}

// code N PROGRAM ARGS... checks the exit code of a program.
func code(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: code N program args...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	if err != nil {
		failed, ok := errors.AsType[*exec.ExitError](err)
		if !ok {
			ts.Fatalf("%v", err)
		}
		got = failed.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// eventually PATTERN PROGRAM ARGS... runs a program until what it prints
// matches, and sets $FOUND to the pattern's first group.
func eventually(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: eventually pattern program args...")
	}
	re, err := regexp.Compile("(?m)" + args[0])
	ts.Check(err)
	for began := time.Now(); ; {
		err := ts.Exec(args[1], args[2:]...)
		out := ts.ReadFile("stdout")
		if m := re.FindStringSubmatch(out); m != nil {
			ts.Setenv("FOUND", m[len(m)-1])
			return
		}
		if time.Since(began) > patience {
			ts.Fatalf("after %v: %v, and this does not match %s:\n%s", patience, err, re, out)
		}
	}
}

// begin NAME PATTERN PROGRAM ARGS... starts a program in the background, waits
// for a line that matches, and sets $FOUND to the pattern's first group.
func begin(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: begin name pattern program args...")
	}
	p, err := start(environment(ts), ts.Getenv("WORK"), args[2], args[3:]...)
	ts.Check(err)
	ts.Value(processesKey{}).(processes)[args[0]] = p
	if args[1] == "" {
		return
	}
	found, err := p.until(regexp.MustCompile(args[1]))
	ts.Check(err)
	ts.Setenv("FOUND", found)
}

// end NAME SIGNAL CODE PATTERN sends a signal (0 for none) to a program in the
// background, waits for its end, and checks its code and what it said.
func end(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 4 {
		ts.Fatalf("usage: end name signal code pattern")
	}
	all := ts.Value(processesKey{}).(processes)
	p := all[args[0]]
	if p == nil {
		ts.Fatalf("no process %s", args[0])
	}
	delete(all, args[0])
	signals := map[string]syscall.Signal{"0": 0, "INT": syscall.SIGINT, "TERM": syscall.SIGTERM, "KILL": syscall.SIGKILL}
	if s := signals[args[1]]; s != 0 {
		ts.Check(p.cmd.Process.Signal(s))
	}
	late := time.AfterFunc(patience, func() { _ = p.cmd.Process.Kill() })
	defer late.Stop()
	for line := range p.lines {
		p.out.WriteString(line + "\n")
	}
	_ = p.cmd.Wait() // its state says more
	if got := strconv.Itoa(p.cmd.ProcessState.ExitCode()); got != args[2] {
		ts.Fatalf("%s ended with %s, want %s:\n%s", args[0], got, args[2], p.out.String())
	}
	if !regexp.MustCompile(args[3]).MatchString(p.out.String()) {
		ts.Fatalf("%s said this, which does not match %s:\n%s", args[0], args[3], p.out.String())
	}
}
