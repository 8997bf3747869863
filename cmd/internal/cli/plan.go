package cli

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"cutover/cmd/internal/app"
	"cutover/reconciler"
)

func planCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "plan",
		Short: "Show what the daemon would do next",
		Long: `Asks the values repository, Spinnaker and the clusters, and prints the effects that the daemon would
have next, each with its reason and its undo. Drift is only counted: 'cutover drift' shows it. It
writes nothing.`,
		Example: `  cutover plan -c config.yaml
  cutover plan --exit-code -o json`,
		Args: argsOrBadInput(noArgs),
	}
	return looking(cmd, printPlan, func(r reconciler.Report) bool { return len(r.Decision.Actions) > 0 })
}

func driftCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "drift",
		Short: "Show what differs from git in the new cluster",
		Long: `Compares the objects of every deployed service of the new stack with the migration's branch, and
prints each difference as a diff, with credentials masked. It writes nothing.`,
		Example: `  cutover drift -c config.yaml
  cutover drift --exit-code`,
		Args: argsOrBadInput(noArgs),
	}
	return looking(cmd, printDrift, func(r reconciler.Report) bool { return r.Drift.Counts().Drifted() })
}

// looking completes a command that looks once, prints, and with --exit-code tells whether there are differences.
func looking(cmd *cobra.Command, text func(io.Writer, reconciler.Report), differs func(reconciler.Report) bool) *cobra.Command {
	out := outputFlag(cmd)
	path := configFlag(cmd)
	code := cmd.Flags().Bool("exit-code", false, "exit with 3 if there are differences")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return look(cmd.Context(), *path, func(a *app.App) error {
			reports, err := show(cmd, a, *out, text)
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

func printPlan(w io.Writer, r reconciler.Report) {
	printHeading(w, r)
	actions := newTable(w)
	for _, a := range r.Decision.Actions {
		actions.row(fmt.Sprintf("step %d", a.Step), string(a.Verb), a.Target, a.Reason, "undo: "+a.Undo)
	}
	actions.flush()
	if counts := r.Drift.Counts(); counts.Drifted() {
		fmt.Fprintf(w, "  drift: %s\n", counts)
	}
}

func printDrift(w io.Writer, r reconciler.Report) {
	printHeading(w, r)
	switch {
	case len(r.Drift.Sets) == 0 && r.Error == "":
		fmt.Fprintln(w, "  nothing to compare: no service is deployed as git has it")
	case len(r.Drift.Sets) > 0:
		fmt.Fprint(w, r.Drift.Text())
		if !r.Drift.Counts().Drifted() {
			fmt.Fprintln(w, "  nothing drifted")
		}
	}
}
