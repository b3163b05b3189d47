package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/atasks-io/atasks/actor"
)

// taskRow is a task as all nodes together serve it.
type taskRow struct {
	Name      string  `json:"name"`
	Nodes     int     `json:"nodes"`
	Calls     uint64  `json:"calls"`
	Failures  uint64  `json:"failures"`
	Rate      float64 `json:"rate"`      // calls a second, lately
	FailRate  float64 `json:"fail_rate"` // failures a second, lately
	P50US     int64   `json:"p50_us"`    // of the handler's time, lately
	P99US     int64   `json:"p99_us"`
	MeanUS    int64   `json:"mean_us"` // since the nodes started
	LastError string  `json:"last_error,omitempty"`

	busyMS int64
	recent actor.RecentCalls
}

func (a *app) tasksCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "tasks",
		Short: "List the tasks that are served",
		Long: `List the tasks that nodes of the namespace serve. Calls and failures count from
the start of those nodes; the rate a second and the time that half of the calls
and 99 of 100 took at most are those of the last 10 to 20 seconds.`,
		Example: `  atasks tasks
  atasks tasks show fib`,
		Args: cobra.NoArgs,
	}
	connectFlags(cmd)
	waitFlag(cmd)
	a.outputFlag(cmd)
	cmd.RunE = a.withNode(func(ctx context.Context, cmd *cobra.Command, n *actor.Node, _ []string) error {
		nodes, err := n.Nodes(ctx, wait(cmd))
		if err != nil {
			return err
		}
		return table[taskRow]{
			header: []string{"TASK", "NODES", "CALLS", "FAILURES", "RATE", "P50", "P99", "MEAN", "LAST-ERROR"},
			cells: func(r taskRow) []string {
				return []string{
					r.Name, number(r.Nodes), strconv.FormatUint(r.Calls, 10), strconv.FormatUint(r.Failures, 10),
					rateOf(r.Rate), micro(r.P50US), micro(r.P99US), micro(r.MeanUS), cut(r.LastError, 60),
				}
			},
			rows: taskRows(nodes),
		}.write(a)
	})
	cmd.AddCommand(a.tasksShowCommand())
	return cmd
}

func micro(us int64) string {
	if us == 0 {
		return ""
	}
	return shortly(time.Duration(us) * time.Microsecond)
}

// rateOf shows a number a second.
func rateOf(r float64) string {
	if r == 0 {
		return ""
	}
	return strconv.FormatFloat(r, 'f', precision(r), 64) + "/s"
}

// taskRows adds up what nodes say of their tasks, ordered by name.
func taskRows(nodes []actor.NodeInfo) []taskRow {
	byName := make(map[string]*taskRow)
	for _, i := range nodes {
		for _, t := range i.Tasks {
			r := byName[t.Name]
			if r == nil {
				r = &taskRow{Name: t.Name}
				byName[t.Name] = r
			}
			r.Nodes++
			r.Calls += t.Calls
			r.Failures += t.Failures
			r.busyMS += t.BusyMS
			r.LastError = cmp.Or(t.LastError, r.LastError)
			if t.Recent != nil {
				r.recent.Add(*t.Recent)
				r.Rate += t.Recent.Rate()
				if t.Recent.MS > 0 {
					r.FailRate += float64(t.Recent.Failures) * 1000 / float64(t.Recent.MS)
				}
			}
		}
	}
	rows := make([]taskRow, 0, len(byName))
	for _, r := range byName {
		if r.Calls > 0 {
			r.MeanUS = r.busyMS * 1000 / int64(r.Calls)
		}
		r.P50US, r.P99US = r.recent.Quantile(0.5).Microseconds(), r.recent.Quantile(0.99).Microseconds()
		rows = append(rows, *r)
	}
	slices.SortFunc(rows, func(a, b taskRow) int { return cmp.Compare(a.Name, b.Name) })
	return rows
}

func (a *app) tasksShowCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "show TASK",
		Short: "Show what a task takes and returns, as JSON Schemas",
		Long: `Show the JSON Schemas of a task's input and output, as a node that serves it
publishes them. They refuse nothing that the task accepts: no member is required.`,
		Example: "  atasks tasks show fib",
		Args:    cobra.ExactArgs(1),
	}
	connectFlags(cmd)
	waitFlag(cmd)
	a.outputFlag(cmd)
	a.completeArgs(cmd, taskNames)
	cmd.RunE = a.withNode(func(ctx context.Context, cmd *cobra.Command, n *actor.Node, args []string) error {
		s, err := schemaOf(ctx, n, wait(cmd), args[0])
		if err != nil {
			return err
		}
		if a.output != "table" {
			return table[actor.TaskSchema]{rows: []actor.TaskSchema{s}}.write(a)
		}
		for _, p := range []struct {
			what   string
			schema []byte
		}{{"input", s.Input}, {"output", s.Output}} {
			if _, err := fmt.Fprintf(a.stdout, "%s  %s\n", p.what, escapeJSON(p.schema)); err != nil {
				return err
			}
		}
		return nil
	})
	return cmd
}

// schemaOf asks a node that serves the task.
func schemaOf(ctx context.Context, n *actor.Node, wait time.Duration, task string) (actor.TaskSchema, error) {
	nodes, err := n.Nodes(ctx, wait)
	if err != nil {
		return actor.TaskSchema{}, err
	}
	for _, i := range nodes {
		if i.State == "running" && slices.ContainsFunc(i.Tasks, func(t actor.TaskInfo) bool { return t.Name == task }) {
			s, err := n.Schema(ctx, i.Node, task)
			if err == nil || !errors.Is(err, actor.ErrNodeGone) {
				return s, err
			}
		}
	}
	return actor.TaskSchema{}, coded{exitNotFound, fmt.Errorf("task %s: no node serves it: see atasks tasks", task)}
}
