package cli

import (
	"io"

	"github.com/spf13/cobra"

	"cutover/cmd/internal/app"
	"cutover/cmd/internal/show"
	"cutover/reconciler"
)

func planCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "plan",
		Short: "Show what the daemon would do next",
		Long: `Asks the values repository and its host, Spinnaker, the clusters and, as far as the migration has
come, Vault, AWS, Alertmanager, Prometheus and the edge proxies, and prints the effects that the
daemon would have next, each with its reason and its undo. Drift is only counted: 'cutover drift'
shows it. It writes nothing. From deploy on it needs the daemon's journal: run it where the daemon
keeps its state.

Before the first migration it only asks whether the clusters, Spinnaker and the git host answer.`,
		Example: `  cutover plan -c config.yaml
  cutover plan --exit-code -o json`,
		Args: argsOrBadInput(noArgs),
	}
	return looking(cmd, (*app.App).Look, show.Plan, func(r reconciler.Report) bool { return len(r.Decision.Actions) > 0 })
}

// looking completes a command that looks once, prints, and with --exit-code tells whether there are differences.
func looking(cmd *cobra.Command, at looks, text func(io.Writer, reconciler.Report), differs func(reconciler.Report) bool) *cobra.Command {
	out := outputFlag(cmd)
	path := configFlag(cmd)
	code := cmd.Flags().Bool("exit-code", false, "exit with 3 if there are differences")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return look(cmd.Context(), *path, func(a *app.App) error {
			reports, err := looked(cmd, a, at, *out, text)
			if err != nil {
				return err
			}
			for _, r := range reports {
				if *code && differs(r) {
					return &exit{code: exitDifferences}
				}
			}
			return nil
		})
	}
	return cmd
}
