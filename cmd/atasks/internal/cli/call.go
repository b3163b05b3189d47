package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/atasks-io/atasks/actor"
)

func (a *app) callCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "call TASK [JSON | @FILE | -]",
		Short: "Call a task and print its result",
		Long: `Call a task, await it, and print its result as JSON. The input is JSON: the
second argument, a file's content or, with "-", standard input; without one it is
the zero value of what the task takes. What the task's JSON Schema does not allow is
refused before it is sent. On a terminal the tree of calls shows on
standard error while it runs. Ctrl-C cancels the call, and all calls below it.`,
		Example: `  atasks call hello '"gopher"'
  atasks call fib 20 --timeout 10s
  echo '{"dir":"."}' | atasks call count -`,
		Args: cobra.RangeArgs(1, 2),
	}
	timeout := cmd.Flags().Duration("timeout", 0, "deadline of the call; 0 for none")
	quiet := cmd.Flags().BoolP("quiet", "q", false, "do not show the tree of calls")
	noCheck := cmd.Flags().Bool("no-check", false, "do not ask for the task's JSON Schema and check the input against it")
	meta := cmd.Flags().StringArray("meta", nil, "metadata for the call and all calls below it, as key=value; repeatable")
	connectFlags(cmd)
	a.completeArgs(cmd, taskNames)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		input, err := a.input(args[1:])
		if err != nil {
			return coded{exitUsage, err}
		}
		var opts []actor.CallOption
		for _, m := range *meta {
			k, v, ok := strings.Cut(m, "=")
			if !ok {
				return coded{exitUsage, fmt.Errorf("--meta %s: want key=value", m)}
			}
			opts = append(opts, actor.Meta(k, v))
		}
		if *timeout > 0 {
			opts = append(opts, actor.CallTimeout(*timeout))
		}
		return a.withNode(func(ctx context.Context, _ *cobra.Command, n *actor.Node, _ []string) error {
			if !*noCheck {
				if err := a.checkInput(ctx, n, args[0], input); err != nil {
					return err
				}
			}
			return a.call(ctx, n, args[0], input, !*quiet && isTerminal(a.stderr), opts)
		})(cmd, args)
	}
	return cmd
}

// maxInput bounds what is read as the input of a call, far above what brokers
// carry.
const maxInput = 64 << 20

// input reads the input of a call; nil when there is none.
func (a *app) input(args []string) ([]byte, error) {
	if len(args) == 0 {
		return nil, nil
	}
	text, from := []byte(args[0]), "the input"
	var err error
	switch {
	case args[0] == "-":
		from = "standard input"
		text, err = io.ReadAll(io.LimitReader(a.stdin, maxInput))
	case strings.HasPrefix(args[0], "@"):
		from = args[0][1:]
		text, err = os.ReadFile(from)
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", from, err)
	}
	text = bytes.TrimSpace(text)
	var v any
	if err := json.Unmarshal(text, &v); err != nil {
		hint := ""
		if from == "the input" {
			hint = `: text needs quotes of its own, as in '"gopher"'`
		}
		return nil, fmt.Errorf("%s is not JSON: %w%s", from, err, hint)
	}
	return text, nil
}

// call awaits a call, with its tree on the terminal if there is one, and writes
// the result.
func (a *app) call(ctx context.Context, n *actor.Node, task string, input []byte, show bool, opts []actor.CallOption) error {
	var drawing sync.WaitGroup
	watched, stop := context.WithCancel(ctx)
	if show {
		drawing.Go(func() {
			// Most calls are over by then, and draw nothing.
			select {
			case <-watched.Done():
			case <-time.After(300 * time.Millisecond):
				growing(watched, n, a.stderr)
			}
		})
	}
	result, err := n.Request(ctx, task, input, opts...)
	stop()
	drawing.Wait()
	if err != nil {
		if errors.Is(context.Cause(ctx), errInterrupted) {
			return errInterrupted
		}
		return err
	}
	if len(result) == 0 {
		return nil
	}
	if !json.Valid(result) {
		return writeJSON(a.stdout, string(result)) // an untyped handler's
	}
	_, err = a.stdout.Write(append(escapeJSON(bytes.TrimRight(result, "\n")), '\n'))
	return err
}
