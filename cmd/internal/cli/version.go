package cli

import (
	"fmt"
	"runtime"

	"github.com/spf13/cobra"
)

func versionCommand(version string) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "version",
		Short:   "Print the version",
		Example: `  cutover version -o json`,
		Args:    argsOrBadInput(noArgs),
	}
	out := outputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if *out == asJSON {
			return printJSON(cmd.OutOrStdout(), map[string]string{"version": version, "go": runtime.Version()})
		}
		_, err := fmt.Fprintf(cmd.OutOrStdout(), "cutover %s (%s)\n", version, runtime.Version())
		return err
	}
	return cmd
}
