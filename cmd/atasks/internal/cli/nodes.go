package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/atasks-io/atasks/actor"
)

func (a *app) nodesCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "nodes",
		Short: "List the nodes of the namespace",
		Long: `List the nodes of the namespace, those that only call included: their slots,
what they have in hand, their versions and ages, and the processes they are in.`,
		Example: "  atasks nodes -o json",
		Args:    cobra.NoArgs,
	}
	connectFlags(cmd)
	waitFlag(cmd)
	a.outputFlag(cmd)
	cmd.RunE = a.withNode(func(ctx context.Context, cmd *cobra.Command, n *actor.Node, _ []string) error {
		nodes, err := others(ctx, n, wait(cmd))
		if err != nil {
			return err
		}
		return table[actor.NodeInfo]{
			header: []string{"NODE", "GROUP", "STATE", "UPTIME", "SLOTS", "RUNNING", "WAITING", "PARKED", "AWAITED", "TASKS", "VERSION", "HOST", "PID", "MEMORY"},
			cells: func(i actor.NodeInfo) []string {
				p := processOf(i)
				return []string{
					short(i.Node), i.Group, i.State, milliseconds(i.UptimeMS), number(i.Slots), number(i.Running),
					number(i.Waiting), number(i.Parked), number(i.Awaited), number(len(i.Tasks)), i.Version,
					p.Host, number(p.PID), bytesOf(p.Memory),
				}
			},
			rows: nodes,
		}.write(a)
	})
	return cmd
}

// processOf is what a node says of its process; one of before says nothing.
func processOf(i actor.NodeInfo) actor.ProcessInfo {
	if i.Process == nil {
		return actor.ProcessInfo{}
	}
	return *i.Process
}

// others are the nodes of the namespace but for our own.
func others(ctx context.Context, n *actor.Node, wait time.Duration) ([]actor.NodeInfo, error) {
	all, err := n.Nodes(ctx, wait)
	var rest []actor.NodeInfo
	for _, i := range all {
		if i.Node != n.ID() {
			rest = append(rest, i)
		}
	}
	return rest, err
}

// findNode finds the one node that an ID or its beginning names.
func findNode(ctx context.Context, n *actor.Node, wait time.Duration, id string) (string, error) {
	pongs, err := n.Ping(ctx, wait)
	if err != nil {
		return "", err
	}
	var found []string
	for _, p := range pongs {
		if p.Node == id {
			return id, nil
		}
		if strings.HasPrefix(p.Node, id) && p.Node != n.ID() {
			found = append(found, p.Node)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return "", coded{exitNotFound, fmt.Errorf("node %s: none of that name answers: it has ended, is frozen, or is in another namespace", id)}
	default:
		return "", coded{exitUsage, fmt.Errorf("node %s: %d nodes begin so: give more of it", id, len(found))}
	}
}

// pongRow is one line of ping.
type pongRow struct {
	Node string `json:"node"`
	US   int64  `json:"rtt_us"`
}

func (a *app) pingCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "ping [NODE]",
		Short:   "Ask the nodes of the namespace whether they are there",
		Example: "  atasks ping",
		Args:    cobra.MaximumNArgs(1),
	}
	connectFlags(cmd)
	waitFlag(cmd)
	a.outputFlag(cmd)
	a.completeArgs(cmd, nodeIDs)
	cmd.RunE = a.withNode(func(ctx context.Context, cmd *cobra.Command, n *actor.Node, args []string) error {
		pongs, err := n.Ping(ctx, wait(cmd))
		if err != nil {
			return err
		}
		t := table[pongRow]{
			header: []string{"NODE", "RTT"},
			cells: func(r pongRow) []string {
				return []string{r.Node, shortly(time.Duration(r.US) * time.Microsecond)}
			},
		}
		for _, p := range pongs {
			if p.Node != n.ID() && (len(args) == 0 || strings.HasPrefix(p.Node, args[0])) {
				t.rows = append(t.rows, pongRow{p.Node, p.RTT.Microseconds()})
			}
		}
		if len(t.rows) == 0 {
			return coded{exitNotFound, errors.New("ping: no node answers: none is there, or the namespace is another one")}
		}
		return t.write(a)
	})
	return cmd
}

func (a *app) stackCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "stack NODE",
		Short:   "Print the stacks of a node's goroutines",
		Long:    "Print the stacks of all goroutines of the process that the node is in. NODE is its ID, or the beginning of it.",
		Example: "  atasks stack K7QW5Z2M",
		Args:    cobra.ExactArgs(1),
	}
	connectFlags(cmd)
	waitFlag(cmd)
	a.completeArgs(cmd, nodeIDs)
	cmd.RunE = a.withNode(func(ctx context.Context, cmd *cobra.Command, n *actor.Node, args []string) error {
		id, err := findNode(ctx, n, wait(cmd), args[0])
		if err != nil {
			return err
		}
		stacks, err := n.Stacks(ctx, id)
		if err != nil {
			return err
		}
		return writeText(a.stdout, stacks)
	})
	return cmd
}

// writeText writes text of several lines from elsewhere.
func writeText(w io.Writer, text string) error {
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		indent := len(line) - len(strings.TrimLeft(line, "\t"))
		if _, err := fmt.Fprintln(w, strings.Repeat("\t", indent)+escape(line[indent:])); err != nil {
			return err
		}
	}
	return nil
}

func (a *app) drainCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "drain NODE...",
		Short: "Tell nodes to finish what they have in hand, and end",
		Long: `Tell nodes to leave the queue, finish what they have in hand, and close. A worker
process ends with its node. NODE is an ID, or the beginning of one. Returns when
the nodes are gone, or at once with --no-wait.`,
		Example: "  atasks drain K7QW5Z2M",
		Args:    cobra.MinimumNArgs(1),
	}
	noWait := cmd.Flags().Bool("no-wait", false, "do not wait until the nodes are gone")
	timeout := cmd.Flags().Duration("timeout", time.Minute, "how long to wait for that")
	connectFlags(cmd)
	waitFlag(cmd)
	a.completeArgs(cmd, nodeIDs)
	cmd.RunE = a.withNode(func(ctx context.Context, cmd *cobra.Command, n *actor.Node, args []string) error {
		var ids []string
		for _, arg := range args {
			id, err := findNode(ctx, n, wait(cmd), arg)
			if err != nil {
				return err
			}
			ids = append(ids, id)
		}
		var errs []error
		for _, id := range ids {
			errs = append(errs, n.DrainNode(ctx, id))
		}
		if err := errors.Join(errs...); err != nil || *noWait {
			return err
		}
		ctx, cancel := context.WithTimeoutCause(ctx, *timeout, fmt.Errorf("drain: not over after %v; it goes on: %w", *timeout, context.DeadlineExceeded))
		defer cancel()
		for _, id := range ids {
			if err := gone(ctx, n, id); err != nil {
				return err
			}
			fmt.Fprintf(a.stdout, "drained %s\n", escape(id))
		}
		return nil
	})
	return cmd
}

// gone returns when a node no longer answers.
func gone(ctx context.Context, n *actor.Node, id string) error {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		err := n.PingNode(ctx, id)
		if errors.Is(err, actor.ErrNodeGone) {
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
}
