package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/atasks-io/atasks/actor"
	"github.com/atasks-io/atasks/codec"
	"github.com/atasks-io/atasks/internal/dial"
	"github.com/atasks-io/atasks/internal/dial/dialamqp"
)

// operators is the group of this program's nodes unless told otherwise: the
// one that docs/security.md gives to those who look in.
const operators = "ops"

// connectFlags adds the flags of a verb that talks to a broker.
func connectFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	for _, o := range dial.Options() {
		usage := o.Usage + " [$" + o.Variable()
		if o.Nats != "" {
			usage += ", $" + o.Nats
		}
		short := ""
		switch o.Key {
		case dial.Server:
			short = "s"
		case dial.Namespace:
			short = "n"
		}
		f.StringP(string(o.Key), short, "", usage+"]")
	}
	f.Duration("connect-timeout", 5*time.Second, "how long connecting may take")
}

// waitFlag adds the flag of a verb that asks all nodes.
func waitFlag(cmd *cobra.Command) {
	cmd.Flags().Duration("wait", 300*time.Millisecond, "how long to wait for the answers of all nodes")
}

func wait(cmd *cobra.Command) time.Duration {
	d, _ := cmd.Flags().GetDuration("wait") // the verb has the flag
	return d
}

// settings resolves what the command line, the environment and the contexts
// of the nats tool say.
func (a *app) settings(cmd *cobra.Command) (dial.Settings, error) {
	given := make(map[dial.Key]string)
	for _, o := range dial.Options() {
		if f := cmd.Flags().Lookup(string(o.Key)); f != nil && f.Changed {
			given[o.Key] = f.Value.String()
		}
	}
	set, err := dial.Resolve(dial.Source{Flags: given, Getenv: a.getenv, ConfigDir: a.configDir()})
	if err != nil {
		return nil, coded{exitUsage, err}
	}
	for i := range set {
		if set[i].Key == dial.Group && set[i].Value == "" {
			set[i].Value = operators
		}
	}
	return set, nil
}

// node starts a node of our own, which speaks JSON. The caller closes it.
func (a *app) node(cmd *cobra.Command) (*actor.Node, error) {
	set, err := a.settings(cmd)
	if err != nil {
		return nil, err
	}
	timeout, _ := cmd.Flags().GetDuration("connect-timeout") // the verb has the flag
	ctx, cancel := context.WithTimeoutCause(cmd.Context(), timeout, fmt.Errorf("no answer within %v: %w", timeout, context.DeadlineExceeded))
	defer cancel()
	conn, err := set.Connect(ctx, "atasks "+cmd.Name(), nil, dialamqp.Connectors())
	if err != nil {
		return nil, connectFailed(cmd.Context(), err)
	}
	n, err := actor.Start(ctx, conn, actor.Config{
		Namespace: set.Get(dial.Namespace),
		Group:     set.Get(dial.Group),
		Codec:     codec.JSON,
		Version:   semantic(version()),
	})
	if err != nil {
		return nil, connectFailed(cmd.Context(), err)
	}
	return n, nil
}

// connectFailed gives an error the code for that, unless a signal came first.
func connectFailed(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return coded{exitConnect, err}
}

// withNode makes a verb of a function that needs a node, which is closed after
// it.
func (a *app) withNode(run func(ctx context.Context, cmd *cobra.Command, n *actor.Node, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		n, err := a.node(cmd)
		if err != nil {
			return err
		}
		err = run(cmd.Context(), cmd, n, args)
		_ = n.Close() // the answer is there, or the error
		if cmd.Context().Err() != nil && err != nil {
			return context.Cause(cmd.Context())
		}
		return err
	}
}
