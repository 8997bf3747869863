package cli

import (
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"cutover/cmd/internal/app"
	"cutover/reconciler"
)

func planCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "plan",
		Short: "Show what the daemon would do next",
		Long: `Asks the values repository, Spinnaker and the clusters, and prints the effects that the daemon would
have next, each with its reason and its undo. It writes nothing.`,
		Example: `  cutover plan -c config.yaml
  cutover plan --exit-code -o json`,
		Args: argsOrBadInput(cobra.NoArgs),
	}
	return looking(cmd, printPlan, func(r reconciler.Report) bool {
		return len(r.Decision.Actions) > 0 || r.Error != ""
	})
}

func driftCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "drift",
		Short: "Show what differs from git in the new cluster",
		Long: `Compares the objects of every deployed service of the new stack with the migration's branch, and
prints each difference as a diff, with credentials masked. It writes nothing.`,
		Example: `  cutover drift -c config.yaml
  cutover drift --exit-code`,
		Args: argsOrBadInput(cobra.NoArgs),
	}
	return looking(cmd, printDrift, func(r reconciler.Report) bool {
		return r.Drift.Counts().Drifted() || r.Error != ""
	})
}

// looking completes a command that looks once, prints, and with --exit-code tells whether there are differences.
func looking(cmd *cobra.Command, text func(io.Writer, reconciler.Report), differs func(reconciler.Report) bool) *cobra.Command {
	out := outputFlag(cmd)
	path := configFlag(cmd)
	code := cmd.Flags().Bool("exit-code", false, "exit with 3 if there are differences")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return look(cmd.Context(), *path, func(a *app.App) error {
			reports, err := a.Look(cmd.Context())
			if err != nil {
				return err
			}
			if err := show(cmd.OutOrStdout(), *out, reports, text); err != nil {
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

func printPlan(w io.Writer, r reconciler.Report) {
	fmt.Fprintf(w, "%s at %.10s, marker %s\n", r.Branch, r.Commit, r.Marker)
	if r.Error != "" {
		fmt.Fprintf(w, "  error: %s\n", r.Error)
	}
	fmt.Fprintf(w, "  %s: %s\n", r.Decision.Kind, r.Decision.Reason.Text)
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, a := range r.Decision.Actions {
		fmt.Fprintf(table, "  step %d\t%s\t%s\t%s\tundo: %s\n", a.Step, a.Verb, a.Target, a.Reason, a.Undo)
	}
	_ = table.Flush()
	fmt.Fprintln(w)
}

func printDrift(w io.Writer, r reconciler.Report) {
	fmt.Fprintf(w, "%s at %.10s\n", r.Branch, r.Commit)
	if r.Error != "" {
		fmt.Fprintf(w, "  error: %s\n", r.Error)
	}
	fmt.Fprintln(w, r.Drift.Text())
}
