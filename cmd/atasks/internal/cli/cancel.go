package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/atasks-io/atasks/actor"
)

func (a *app) cancelCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "cancel CALL...",
		Short: "Cancel calls, and all calls below them",
		Long: `Cancel calls wherever they run: whoever awaits one gets an error with the code
"cancelled", the context of its handler ends, and so do the calls below it. CALL is
an ID, or the beginning of one. A handler that ignores its context goes on.`,
		Example: "  atasks cancel 5c1b2f0a3 --reason 'wrong input'",
		Args:    cobra.MinimumNArgs(1),
	}
	reason := cmd.Flags().String("reason", "cancelled by an operator", "what the handler and the awaiter are told")
	connectFlags(cmd)
	waitFlag(cmd)
	a.completeArgs(cmd, callIDs)
	cmd.RunE = a.withNode(func(ctx context.Context, cmd *cobra.Command, n *actor.Node, args []string) error {
		s, err := n.Survey(ctx, wait(cmd))
		if err != nil {
			return err
		}
		var errs []error
		for _, id := range args {
			c, err := findCall(s, id)
			if err == nil {
				err = n.CancelCall(ctx, c, *reason)
			}
			if err != nil {
				errs = append(errs, err)
				continue
			}
			rows, _ := s.Below(c.Key)
			fmt.Fprintf(a.stdout, "cancelled %s (%s) and %d calls below it\n", escape(c.ID), escape(c.Task), len(rows)-1)
		}
		return errors.Join(errs...)
	})
	return cmd
}
