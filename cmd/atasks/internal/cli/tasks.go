package cli

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/atasks-io/atasks/actor"
)

// taskRow is a task as all nodes together serve it.
type taskRow struct {
	Name      string `json:"name"`
	Nodes     int    `json:"nodes"`
	Calls     uint64 `json:"calls"`
	Failures  uint64 `json:"failures"`
	MeanUS    int64  `json:"mean_us"`
	LastError string `json:"last_error,omitempty"`
	busyMS    int64
}

func (a *app) tasksCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "tasks",
		Short:   "List the tasks that are served",
		Long:    "List the tasks that nodes of the namespace serve, with what they did since those nodes started.",
		Example: "  atasks tasks",
		Args:    cobra.NoArgs,
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
			header: []string{"TASK", "NODES", "CALLS", "FAILURES", "MEAN", "LAST-ERROR"},
			cells: func(r taskRow) []string {
				return []string{
					r.Name, number(r.Nodes), strconv.FormatUint(r.Calls, 10), strconv.FormatUint(r.Failures, 10),
					shortly(time.Duration(r.MeanUS) * time.Microsecond), cut(r.LastError, 60),
				}
			},
			rows: taskRows(nodes),
		}.write(a)
	})
	return cmd
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
		}
	}
	rows := make([]taskRow, 0, len(byName))
	for _, r := range byName {
		if r.Calls > 0 {
			r.MeanUS = r.busyMS * 1000 / int64(r.Calls)
		}
		rows = append(rows, *r)
	}
	slices.SortFunc(rows, func(a, b taskRow) int { return cmp.Compare(a.Name, b.Name) })
	return rows
}
