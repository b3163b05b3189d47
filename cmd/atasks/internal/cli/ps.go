package cli

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/atasks-io/atasks/actor"
)

func (a *app) psCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "ps",
		Short: "List the calls that run and wait, everywhere",
		Long: `List the calls that run and wait on all nodes of the namespace, the oldest
first. States: waiting for a slot, running, parked in an await; of a call that
no worker has told of yet: held by its caller, sent, accepted.`,
		Example: `  atasks ps
  atasks ps --task fib -o jsonl`,
		Args: cobra.NoArgs,
	}
	task := cmd.Flags().String("task", "", "only calls of this task")
	node := cmd.Flags().String("node", "", "only calls on this node, the beginning of its ID")
	roots := cmd.Flags().Bool("roots", false, "only calls that no task awaits")
	connectFlags(cmd)
	waitFlag(cmd)
	a.outputFlag(cmd)
	a.completeFlag(cmd, "task", taskNames)
	a.completeFlag(cmd, "node", nodeIDs)
	cmd.RunE = a.withNode(func(ctx context.Context, cmd *cobra.Command, n *actor.Node, _ []string) error {
		s, err := n.Survey(ctx, wait(cmd))
		if err != nil {
			return err
		}
		a.warnCut(s)
		t := table[actor.CallInfo]{
			header: []string{"CALL", "TASK", "STATE", "AGE", "NODE", "CALLER", "DEPTH", "PROGRESS"},
			cells: func(c actor.CallInfo) []string {
				return []string{c.ID, c.Task, c.State, milliseconds(c.AgeMS), short(c.Node), short(c.Caller), number(c.Depth), progressOf(c.Progress)}
			},
		}
		for _, c := range s.Calls {
			if (*task == "" || c.Task == *task) && strings.HasPrefix(c.Node, *node) && (!*roots || c.Depth == 0) {
				t.rows = append(t.rows, c)
			}
		}
		return t.write(a)
	})
	return cmd
}

// warnCut says that a list is not whole.
func (a *app) warnCut(s actor.Survey) {
	if len(s.Cut) > 0 {
		fmt.Fprintf(a.stderr, "atasks: too many calls: the list is not whole for node %s\n", escape(strings.Join(s.Cut, ", ")))
	}
}

func number(n int) string { return strconv.Itoa(n) }

// short is the beginning of a node's ID, which tells nodes apart and which
// verbs take in its place.
func short(node string) string { return node[:min(len(node), 8)] }

func progressOf(p *actor.Progress) string {
	if p == nil {
		return ""
	}
	text := strconv.FormatInt(p.Done, 10)
	if p.Total > 0 {
		text += "/" + strconv.FormatInt(p.Total, 10)
	}
	if p.Note != "" {
		text += " " + cut(p.Note, 40)
	}
	return text
}

// findCall finds the one call that an ID, its beginning or its key names.
func findCall(s actor.Survey, id string) (actor.CallInfo, error) {
	var found []actor.CallInfo
	for _, c := range s.Calls {
		if c.Key == id || c.ID == id {
			return c, nil
		}
		if strings.HasPrefix(c.ID, id) {
			found = append(found, c)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return actor.CallInfo{}, coded{exitNotFound, fmt.Errorf("call %s: no node has it: it has ended, or is in another namespace", id)}
	default:
		return actor.CallInfo{}, coded{exitUsage, fmt.Errorf("call %s: %d calls begin so: give more of it", id, len(found))}
	}
}
