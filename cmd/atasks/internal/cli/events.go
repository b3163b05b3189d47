package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/atasks-io/atasks/actor"
)

func (a *app) eventsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "events",
		Short: "Show calls as they start, finish and fail",
		Long: `Show calls as workers start them and as they finish and fail, until interrupted,
or for the time given with --for. Nodes report only while somebody watches; one
with more than 10,000 events a second reports how many it left out.`,
		Example: `  atasks events -f
  atasks events --for 10s --task fib -o jsonl`,
		Args: cobra.NoArgs,
	}
	_ = cmd.Flags().BoolP("follow", "f", true, "go on until interrupted; what it does anyway")
	length := cmd.Flags().Duration("for", 0, "end after this time; 0 for never")
	task := cmd.Flags().String("task", "", "only calls of this task")
	kind := cmd.Flags().String("kind", "", "only started, finished or failed")
	connectFlags(cmd)
	a.outputFlag(cmd)
	a.completeFlag(cmd, "task", taskNames)
	cmd.RunE = a.withNode(func(ctx context.Context, _ *cobra.Command, n *actor.Node, _ []string) error {
		if *kind != "" && *kind != "started" && *kind != "finished" && *kind != "failed" {
			return coded{exitUsage, fmt.Errorf("--kind %s: want started, finished or failed", *kind)}
		}
		enough := errors.New("enough")
		ctx, cancel := context.WithCancelCause(ctx)
		defer cancel(nil)
		if *length > 0 {
			late := time.AfterFunc(*length, func() { cancel(enough) })
			defer late.Stop()
		}
		err := n.Watch(ctx, func(b actor.EventBatch) {
			if b.Missed > 0 {
				fmt.Fprintf(a.stderr, "atasks: node %s left out %d events\n", escape(short(b.Node)), b.Missed)
			}
			for _, e := range b.Events {
				if (*task == "" || e.Task == *task) && (*kind == "" || e.Kind == *kind) {
					if err := a.event(e); err != nil {
						cancel(err) // nobody reads any more
						return
					}
				}
			}
		})
		if errors.Is(err, enough) || errors.Is(err, errInterrupted) {
			return nil // which is how it is meant to end
		}
		return err
	})
	return cmd
}

// event writes one line.
func (a *app) event(e actor.CallEvent) error {
	if a.output != "table" {
		return writeJSON(a.stdout, e)
	}
	line := fmt.Sprintf("%s  %-8s  %s  [%s]  on %s", time.UnixMilli(e.At).Format("15:04:05.000"), e.Kind, e.Task, e.Call, short(e.Node))
	if e.Depth > 0 {
		line += fmt.Sprintf("  depth %d", e.Depth)
	}
	if e.Attempt > 1 {
		line += fmt.Sprintf("  attempt %d", e.Attempt)
	}
	if e.Kind != "started" {
		line += "  " + shortly(time.Duration(e.TookUS)*time.Microsecond)
	}
	if e.Error != "" {
		line += "  " + cut(e.Error, 100)
	}
	_, err := fmt.Fprintln(a.stdout, escape(line))
	return err
}
