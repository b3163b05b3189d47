package cli

import (
	"github.com/spf13/cobra"
)

// settingRow is one line of config show.
type settingRow struct {
	Name   string `json:"name"`
	Value  string `json:"value"`
	Origin string `json:"origin"`
}

func (a *app) configCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Show the settings of the connection",
		Args:  cobra.NoArgs,
	}
	show := &cobra.Command{
		Use:   "show",
		Short: "Show the settings, and where each came from",
		Long: `Show the settings of the connection. Each comes from the first of: its flag,
ATASKS_<NAME>, NATS_<NAME>, the selected context of the nats tool, the default.
Who we are (creds, user, password, token, nkey) comes from one of them as a
whole, and a context that nobody asked for counts only where nothing else names
the server. Secrets are not shown.`,
		Example: "  NATS_URL=nats://broker:4222 atasks config show --origin",
		Args:    cobra.NoArgs,
	}
	origin := show.Flags().Bool("origin", false, "say where each value came from, and list those without one")
	connectFlags(show)
	a.outputFlag(show)
	show.RunE = func(cmd *cobra.Command, _ []string) error {
		set, err := a.settings(cmd)
		if err != nil {
			return err
		}
		t := table[settingRow]{
			header: []string{"NAME", "VALUE"},
			cells:  func(r settingRow) []string { return []string{r.Name, r.Value} },
		}
		if *origin {
			t.header = append(t.header, "ORIGIN")
			t.cells = func(r settingRow) []string { return []string{r.Name, r.Value, r.Origin} }
		}
		for _, s := range set {
			if s.Value != "" || *origin {
				t.rows = append(t.rows, settingRow{string(s.Key), s.Shown(), s.Origin})
			}
		}
		return t.write(a)
	}
	cmd.AddCommand(show)
	return cmd
}
