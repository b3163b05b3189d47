package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/atasks-io/atasks/actor"
)

func (a *app) askCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "ask KIND KEY METHOD [JSON | @FILE | -]",
		Short: "Send a message to an entity and print its answer",
		Long: `Send a message to the entity of a kind behind a key, wait for the answer, and
print it as JSON. The input is that of atasks call. The entity's owner is found as
any program finds it. Ctrl-C cancels the message.`,
		Example: `  atasks ask cart "customer 42" show
  atasks ask cart "customer 42" put '{"Item":"pen","Count":2}'`,
		Args: cobra.RangeArgs(3, 4),
	}
	timeout := cmd.Flags().Duration("timeout", 0, "deadline of the message; 0 for none")
	connectFlags(cmd)
	a.completeArgs(cmd, kindNames)
	cmd.RunE = a.message(timeout, func(ctx context.Context, n *actor.Node, args []string, input []byte, opts []actor.CallOption) error {
		answer, err := n.Ask(ctx, args[0], args[1], args[2], input, opts...)
		if err != nil || len(answer) == 0 {
			return err
		}
		_, err = a.stdout.Write(append(escapeJSON(bytes.TrimRight(answer, "\n")), '\n'))
		return err
	})
	return cmd
}

func (a *app) tellCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "tell KIND KEY METHOD [JSON | @FILE | -]",
		Short: "Send a message to an entity without waiting for its answer",
		Long: `Send a message to the entity of a kind behind a key, and return when its owner
has taken it. It is not durable: should the owner die before it has executed the
message, that is lost.`,
		Example: `  atasks tell cart "customer 42" put '{"Item":"pen","Count":2}'`,
		Args:    cobra.RangeArgs(3, 4),
	}
	timeout := cmd.Flags().Duration("timeout", 0, "how long to wait for an owner; 0 for as long as it takes")
	connectFlags(cmd)
	a.completeArgs(cmd, kindNames)
	cmd.RunE = a.message(timeout, func(ctx context.Context, n *actor.Node, args []string, input []byte, opts []actor.CallOption) error {
		return n.Tell(ctx, args[0], args[1], args[2], input, opts...)
	})
	return cmd
}

// message runs a verb that sends a message to an entity.
func (a *app) message(timeout *time.Duration, send func(ctx context.Context, n *actor.Node, args []string, input []byte, opts []actor.CallOption) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		input, err := a.input(args[3:])
		if err != nil {
			return coded{exitUsage, err}
		}
		return a.withNode(func(ctx context.Context, _ *cobra.Command, n *actor.Node, _ []string) error {
			if *timeout > 0 {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, *timeout)
				defer cancel()
			}
			err := send(ctx, n, args, input, nil)
			if err != nil && errors.Is(context.Cause(ctx), errInterrupted) {
				return errInterrupted
			}
			return err
		})(cmd, args)
	}
}

// kindRow is a kind as all nodes together host it.
type kindRow struct {
	Name      string `json:"name"`
	Volatile  bool   `json:"volatile"`
	Nodes     int    `json:"nodes"`
	Entities  int    `json:"entities"` // in memory
	Busy      int    `json:"busy"`
	Waiting   int    `json:"waiting"`
	Calls     uint64 `json:"calls"`
	Failures  uint64 `json:"failures"`
	LastError string `json:"last_error,omitempty"`
}

func (a *app) actorsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "actors [KIND]",
		Short: "List the kinds of entities, or the entities of one",
		Long: `List the kinds of entities that nodes of the namespace host, with what their
methods did since those nodes started. With a kind, list its entities that are in
the memory of their owners: who that is, how often the entity was claimed, the
messages that are executed and that wait, and for how long it has been idle, or
rests after it has panicked.`,
		Example: `  atasks actors
  atasks actors cart -o jsonl`,
		Args: cobra.MaximumNArgs(1),
	}
	connectFlags(cmd)
	waitFlag(cmd)
	a.outputFlag(cmd)
	a.completeArgs(cmd, kindNames)
	cmd.RunE = a.withNode(func(ctx context.Context, cmd *cobra.Command, n *actor.Node, args []string) error {
		nodes, err := others(ctx, n, wait(cmd))
		if err != nil {
			return err
		}
		kinds := kindRows(nodes)
		if len(args) == 0 {
			return table[kindRow]{
				header: []string{"KIND", "NODES", "ENTITIES", "BUSY", "WAITING", "CALLS", "FAILURES", "STATE", "LAST-ERROR"},
				cells: func(r kindRow) []string {
					state := "stored"
					if r.Volatile {
						state = "volatile"
					}
					return []string{
						r.Name, number(r.Nodes), number(r.Entities), number(r.Busy), number(r.Waiting),
						strconv.FormatUint(r.Calls, 10), strconv.FormatUint(r.Failures, 10), state, cut(r.LastError, 60),
					}
				},
				rows: kinds,
			}.write(a)
		}
		if !slices.ContainsFunc(kinds, func(r kindRow) bool { return r.Name == args[0] }) {
			return coded{exitNotFound, fmt.Errorf("kind %s: no node hosts it; atasks actors lists those that are hosted", args[0])}
		}
		entities, more, err := n.Entities(ctx, args[0], wait(cmd))
		if err != nil {
			return err
		}
		if more {
			fmt.Fprintln(a.stderr, "atasks: too many entities: of each node only the first 1000 are listed")
		}
		return table[actor.EntityInfo]{
			header: []string{"KEY", "OWNER", "EPOCH", "RUNNING", "WAITING", "IDLE", "RESTS"},
			cells: func(e actor.EntityInfo) []string {
				return []string{
					e.Key, short(e.Node), strconv.FormatUint(e.Epoch, 10), number(e.Running), number(e.Waiting),
					sometimes(e.IdleMS), sometimes(e.RestsMS),
				}
			},
			rows: entities,
		}.write(a)
	})
	return cmd
}

// sometimes shows a time that most rows do not have.
func sometimes(ms int64) string {
	if ms == 0 {
		return ""
	}
	return milliseconds(ms)
}

// kindRows adds up what nodes say of the kinds that they host, ordered by name.
func kindRows(nodes []actor.NodeInfo) []kindRow {
	at := make(map[string]int)
	var rows []kindRow
	for _, i := range nodes {
		for _, k := range i.Kinds {
			n, known := at[k.Name]
			if !known {
				n = len(rows)
				at[k.Name] = n
				rows = append(rows, kindRow{Name: k.Name, Volatile: k.Volatile})
			}
			r := &rows[n]
			r.Nodes++
			r.Entities += k.Entities
			r.Busy += k.Busy
			r.Waiting += k.Waiting
			for _, m := range k.Methods {
				r.Calls += m.Calls
				r.Failures += m.Failures
				if m.LastError != "" {
					r.LastError = m.Name + ": " + m.LastError
				}
			}
		}
	}
	slices.SortFunc(rows, func(a, b kindRow) int { return bytes.Compare([]byte(a.Name), []byte(b.Name)) })
	return rows
}

func kindNames(ctx context.Context, n *actor.Node, wait time.Duration) []string {
	nodes, _ := n.Nodes(ctx, wait) // nothing to offer
	var names []string
	for _, r := range kindRows(nodes) {
		names = append(names, r.Name)
	}
	return names
}
