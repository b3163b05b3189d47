package cli

import (
	"context"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/atasks-io/atasks/actor"
)

// completionTime bounds what a shell waits for. What fails within it offers
// nothing, and says nothing.
const completionTime = 300 * time.Millisecond

// candidates asks the namespace what a word may be.
type candidates func(ctx context.Context, n *actor.Node, wait time.Duration) []string

func taskNames(ctx context.Context, n *actor.Node, wait time.Duration) []string {
	nodes, _ := n.Nodes(ctx, wait) // nothing to offer
	var names []string
	for _, i := range nodes {
		for _, t := range i.Tasks {
			names = append(names, t.Name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func nodeIDs(ctx context.Context, n *actor.Node, wait time.Duration) []string {
	pongs, _ := n.Ping(ctx, wait) // nothing to offer
	var ids []string
	for _, p := range pongs {
		if p.Node != n.ID() {
			ids = append(ids, p.Node)
		}
	}
	return ids
}

func callIDs(ctx context.Context, n *actor.Node, wait time.Duration) []string {
	s, _ := n.Survey(ctx, wait) // nothing to offer
	var ids []string
	for _, c := range s.Calls {
		ids = append(ids, c.ID+"\t"+c.Task+" "+c.State)
	}
	return ids
}

// completeArgs offers candidates for a verb's arguments.
func (a *app) completeArgs(cmd *cobra.Command, of candidates) {
	cmd.ValidArgsFunction = a.completer(of)
}

// completeFlag offers candidates for the value of a flag.
func (a *app) completeFlag(cmd *cobra.Command, flag string, of candidates) {
	_ = cmd.RegisterFlagCompletionFunc(flag, a.completer(of)) // fails for a flag that is not there
}

func (a *app) completer(of candidates) func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return func(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
		ctx, cancel := context.WithTimeout(cmd.Context(), completionTime)
		defer cancel()
		cmd.SetContext(ctx)
		n, err := a.node(cmd)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		defer n.Close() //nolint:errcheck // nobody is there to hear of it
		found := of(ctx, n, completionTime/2)
		for i := range found {
			found[i] = escapeWord(found[i])
		}
		return found, cobra.ShellCompDirectiveNoFileComp
	}
}

// escapeWord escapes a candidate, whose tab parts it from its description.
func escapeWord(s string) string {
	for i := range s {
		if s[i] == '\t' {
			return escape(s[:i]) + "\t" + escape(s[i+1:])
		}
	}
	return escape(s)
}
