package cli

import (
	"regexp"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"github.com/atasks-io/atasks/actor"
)

// version is this program's, as the build recorded it.
func version() string {
	if b, ok := debug.ReadBuildInfo(); ok && b.Main.Version != "" {
		return b.Main.Version
	}
	return "(devel)"
}

// semantic is a version as nodes announce it.
func semantic(v string) string {
	v = strings.TrimPrefix(v, "v")
	if regexp.MustCompile(`^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$`).MatchString(v) {
		return v
	}
	return "0.0.0"
}

// versionRow is what version prints.
type versionRow struct {
	Version  string `json:"version"`
	Protocol int    `json:"protocol"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

func (a *app) versionCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "version",
		Short:   "Print the version of this program and of the protocol it speaks",
		Example: "  atasks version -o json",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return table[versionRow]{
				header: []string{"VERSION", "PROTOCOL", "GO", "PLATFORM"},
				cells: func(r versionRow) []string {
					return []string{r.Version, number(r.Protocol), r.Go, r.Platform}
				},
				rows: []versionRow{{version(), actor.ProtocolVersion, runtime.Version(), runtime.GOOS + "/" + runtime.GOARCH}},
			}.write(a)
		},
	}
	a.outputFlag(cmd)
	return cmd
}
