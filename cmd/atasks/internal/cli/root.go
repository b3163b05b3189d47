package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// app is one run of the program.
type app struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	getenv         func(string) string
	output         string // table, json or jsonl
	began          bool   // the command line was fine, and the verb runs
}

// Main runs the command line and returns the code to exit with.
func Main(args []string, stdin io.Reader, stdout, stderr io.Writer, getenv func(string) string) int {
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	over := make(chan struct{})
	defer close(over)
	go func() {
		select {
		case <-signals:
			signal.Stop(signals) // a second one ends the process at once
			cancel(errInterrupted)
		case <-over:
		}
	}()
	a := &app{stdin: stdin, stdout: stdout, stderr: stderr, getenv: getenv}
	root := a.root()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	code := exitCode(err)
	switch {
	case err == nil:
	case !a.began:
		code = exitUsage
		fmt.Fprintf(stderr, "atasks: %s\n", escape(err.Error()))
	case code == exitInterrupted || errors.Is(context.Cause(ctx), errInterrupted) && errors.Is(err, context.Canceled):
		code = exitInterrupted
		fmt.Fprintln(stderr, "atasks: interrupted")
	default:
		fmt.Fprintf(stderr, "atasks: %s\n", escape(err.Error()))
	}
	return code
}

// Root is the tree of commands, for the reference that is made of it.
func Root() *cobra.Command {
	return (&app{stdin: nil, stdout: io.Discard, stderr: io.Discard, getenv: func(string) string { return "" }}).root()
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "atasks",
		Short: "Run, call and watch tasks",
		Long: `atasks runs a server for tasks, calls them, and shows and steers what runs.

Data goes to standard output, everything else to standard error. Exit codes:
0 fine, 1 anything else, 2 usage or wrong input, 3 the task returned an error,
4 a deadline passed, 5 not found, 6 nobody serves the task, 7 no connection or
no permission, 130 interrupted.`,
		Example: `  atasks server --listen 127.0.0.1:4222
  atasks call fib 10
  atasks ps`,
		SilenceUsage:  true,
		SilenceErrors: true,
		PersistentPreRun: func(*cobra.Command, []string) {
			a.began = true
		},
	}
	root.SetIn(a.stdin)
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	root.CompletionOptions.HiddenDefaultCmd = false
	root.AddCommand(
		a.serverCommand(),
		a.callCommand(), a.askCommand(), a.tellCommand(),
		a.psCommand(), a.treeCommand(), a.cancelCommand(), a.eventsCommand(),
		a.tasksCommand(), a.actorsCommand(),
		a.nodesCommand(), a.pingCommand(), a.stackCommand(), a.drainCommand(),
		a.configCommand(), a.versionCommand(),
	)
	return root
}

// isTerminal says whether a person looks at what is written there.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// width is how many columns a line may take; 0 when it does not matter.
func width(w io.Writer) int {
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		if columns, _, err := term.GetSize(int(f.Fd())); err == nil {
			return columns
		}
	}
	return 0
}

// configDir is where the user's tools keep their configuration.
func (a *app) configDir() string {
	if dir := a.getenv("XDG_CONFIG_HOME"); dir != "" {
		return dir
	}
	if home := a.getenv("HOME"); home != "" {
		return filepath.Join(home, ".config")
	}
	return ""
}
