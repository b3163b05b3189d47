package cli

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/atasks-io/atasks/actor"
)

func (a *app) treeCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "tree CALL",
		Short: "Show a call and all calls below it",
		Long: `Show a call and the calls that it awaits, on whichever nodes they are, with
their states, durations and progress. CALL is its ID, or the beginning of it.`,
		Example: `  atasks tree 5c1b2f0a3
  atasks tree -f 5c1b2f0a3`,
		Args: cobra.ExactArgs(1),
	}
	follow := cmd.Flags().BoolP("follow", "f", false, "go on until the call has ended")
	connectFlags(cmd)
	waitFlag(cmd)
	a.outputFlag(cmd)
	a.completeArgs(cmd, callIDs)
	cmd.RunE = a.withNode(func(ctx context.Context, cmd *cobra.Command, n *actor.Node, args []string) error {
		s, err := n.Survey(ctx, wait(cmd))
		if err != nil {
			return err
		}
		root, err := findCall(s, args[0])
		if err != nil {
			return err
		}
		screen := redraw{w: a.stdout, terminal: isTerminal(a.stdout)}
		for {
			a.warnCut(s)
			rows, depth := s.Below(root.Key)
			if len(rows) == 0 {
				return nil // it has ended
			}
			if err := a.showTree(&screen, rows, depth); err != nil || !*follow {
				return err
			}
			if s, err = n.Survey(ctx, wait(cmd)); err != nil {
				return err
			}
		}
	})
	return cmd
}

// showTree writes a tree as -o asks.
func (a *app) showTree(screen *redraw, rows []actor.CallInfo, depth []int) error {
	if a.output != "table" {
		return table[actor.CallInfo]{rows: rows}.write(a)
	}
	return screen.show(treeLines(rows, depth))
}

// treeLines draws a tree, one line a call.
func treeLines(rows []actor.CallInfo, depth []int) []string {
	lines := make([]string, len(rows))
	var open [256]bool // at which depths a further sibling follows; deeper ones are drawn as the last
	for i := len(rows) - 1; i >= 0; i-- {
		d := min(depth[i], len(open)-1)
		var b strings.Builder
		for k := 1; k < d; k++ {
			b.WriteString(map[bool]string{true: "│  ", false: "   "}[open[k]])
		}
		if d > 0 {
			b.WriteString(map[bool]string{true: "├─ ", false: "└─ "}[open[d]])
			open[d] = true
		}
		for k := d + 1; k < len(open); k++ {
			open[k] = false
		}
		c := rows[i]
		fmt.Fprintf(&b, "%s  %s  %s", c.Task, c.State, milliseconds(c.AgeMS))
		if c.Attempt > 1 {
			fmt.Fprintf(&b, "  attempt %d", c.Attempt)
		}
		if c.Node != "" {
			fmt.Fprintf(&b, "  on %s", short(c.Node))
		}
		if p := progressOf(c.Progress); p != "" {
			b.WriteString("  " + p)
		}
		fmt.Fprintf(&b, "  [%s]", c.ID)
		lines[i] = escape(b.String())
	}
	return lines
}

// redraw shows lines that change: on a terminal in place, elsewhere one after
// the other.
type redraw struct {
	w        io.Writer
	terminal bool
	shown    int
	width    int
}

// show replaces what was shown.
func (r *redraw) show(lines []string) error {
	var b strings.Builder
	if r.terminal && r.shown > 0 {
		fmt.Fprintf(&b, "\x1b[%dA\x1b[J", r.shown) // up, and erase what is below
	}
	if !r.terminal && r.shown > 0 {
		b.WriteString("\n")
	}
	for _, l := range lines {
		if r.width > 0 {
			l = cut(l, r.width-1)
		}
		b.WriteString(l + "\n")
	}
	r.shown = len(lines)
	_, err := io.WriteString(r.w, b.String())
	return err
}

// clear takes away what was shown.
func (r *redraw) clear() {
	if r.terminal && r.shown > 0 {
		fmt.Fprintf(r.w, "\x1b[%dA\x1b[J", r.shown)
		r.shown = 0
	}
}

// growing shows the tree of a node's only call on a terminal while it runs,
// until ctx ends.
func growing(ctx context.Context, n *actor.Node, w io.Writer) {
	screen := redraw{w: w, terminal: true, width: width(w)}
	defer screen.clear()
	const most = 20 // lines
	for {
		s, err := n.Survey(ctx, 200*time.Millisecond)
		if err != nil {
			return
		}
		for _, c := range s.Calls {
			if c.Caller != n.ID() || c.Depth != 0 {
				continue
			}
			rows, depth := s.Below(c.Key)
			lines := treeLines(rows, depth)
			if len(lines) > most {
				lines = append(lines[:most:most], fmt.Sprintf("… and %d more", len(lines)-most))
			}
			if screen.show(lines) != nil {
				return
			}
		}
	}
}
